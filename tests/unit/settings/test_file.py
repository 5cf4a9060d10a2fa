import tomllib
from pathlib import Path

import pytest

from auditlog_tui.errors import SettingsError
from auditlog_tui.settings.file import config_path, read_config, save_option, write_beginning
from auditlog_tui.settings.options import OPTIONS, PROFILED, check_file


def test_no_file_sets_nothing(tmp_path: Path) -> None:
    assert read_config(tmp_path / "config.toml") == {}


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('zone = "local"\n[views]\nmine = "path:/é"\n', encoding="utf-8")
    assert read_config(path) == {"zone": "local", "views": {"mine": "path:/é"}}


@pytest.mark.parametrize("content", [b"zone = local", b'zone = "a"\nzone = "b"', b"\xff\xfe", b'theme = "\x1b"'])
def test_a_file_that_cannot_be_read_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        read_config(path)
    assert str(path) in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        read_config(tmp_path)


def test_its_mistakes_are_found(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('teme = "nord"')
    with pytest.raises(SettingsError, match=r"config\.toml: there is no setting teme\. Did you mean theme\?"):
        read_config(path)


def test_what_is_written_at_first_sets_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config.toml"
    write_beginning(path)
    assert read_config(path) == {"views": {}}
    assert path.read_text(encoding="utf-8").isascii()


def test_what_is_written_at_first_explains_every_option(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    write_beginning(path)
    text = path.read_text(encoding="utf-8")
    for option in OPTIONS:
        assert option.flag in text
        assert option.variable in text
        assert all(choice in text for choice in option.choices)


def test_what_is_written_at_first_is_right_when_uncommented(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    write_beginning(path)
    text, _, profiles = path.read_text(encoding="utf-8").partition("# [profiles.prod]")
    set_by_it = [line[2:] for line in text.splitlines() if " = " in line]
    table = set_by_it.pop()
    file = tomllib.loads("\n".join([*set_by_it, "[views]", table]))
    check_file(file, "config")
    assert {name: file[name] for name in file if name != "views"} == {
        option.name: option.default for option in OPTIONS
    }
    file = tomllib.loads("[profiles.prod]" + profiles.replace("\n# ", "\n"))
    check_file(file, "config")
    assert set(file["profiles"]["prod"]) == {*PROFILED, "views"} - {"key_file"}


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("# mine")
    with pytest.raises(SettingsError, match="is there already"):
        write_beginning(path)
    assert path.read_text() == "# mine"


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"config\.toml can't be written: "):
        write_beginning(tmp_path / "file" / "config.toml")


def test_the_file_is_in_the_folder_of_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("platformdirs.user_config_path", lambda name, **_: tmp_path / name)
    assert config_path() == tmp_path / "auditlog-tui" / "config.toml"


def test_a_file_that_is_nested_too_deeply_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("a=" + "[" * 20_000)
    with pytest.raises(SettingsError, match="nested too deeply"):
        read_config(path)


def test_a_byte_order_mark_is_no_setting(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('zone = "local"\n', encoding="utf-8-sig")
    assert read_config(path) == {"zone": "local"}
    save_option(path, "theme", "nord")
    assert read_config(path) == {"zone": "local", "theme": "nord"}
