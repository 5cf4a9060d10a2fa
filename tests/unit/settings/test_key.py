import copy
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from auditlog_tui.entries.contract import KEY_VARIABLE
from auditlog_tui.errors import NoKeyError, SettingsError
from auditlog_tui.settings.connection import HEADERS_VARIABLE, Secret
from auditlog_tui.settings.options import Settings, load, read_private

KEY = "nirvana-key-0123456789"


def with_headers(headers: str = "") -> Settings:
    return load({}, {KEY_VARIABLE: KEY, HEADERS_VARIABLE: headers}, {}, demo=False)


def private(path: Path, text: str = KEY, mode: int = 0o600) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize("headers", ["X-Token: a-header-0123456789", "a-header-0123456789"])
@pytest.mark.parametrize("log", [{"demo": True}, {"demo": False, "saved": "log.jsonl"}])
def test_a_log_that_needs_no_key_keeps_out_those_of_the_environment(headers: str, log: dict[str, Any]) -> None:
    settings = load({}, {KEY_VARIABLE: KEY, HEADERS_VARIABLE: headers}, {}, **log)
    assert settings.key is None
    assert not settings.headers
    assert set(settings.secrets) == {KEY, "a-header-0123456789"}
    assert KEY not in repr(settings)


def test_without_a_key_it_says_what_to_do() -> None:
    with pytest.raises(NoKeyError) as caught:
        load({}, {}, {}, demo=False)
    for part in (KEY_VARIABLE, "read permission on audit_log", "--key-file", "--demo"):
        assert part in str(caught.value)


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_key_is_none(blank: str) -> None:
    with pytest.raises(NoKeyError):
        load({}, {KEY_VARIABLE: blank}, {}, demo=False)


def test_an_authorization_header_stands_for_a_key() -> None:
    settings = load({}, {HEADERS_VARIABLE: "authorization: Bearer other"}, {}, demo=False)
    assert settings.key is None
    assert settings.headers == {"authorization": "Bearer other"}


@pytest.mark.parametrize("around", ["{}\n", " {} ", "{}\r\n"])
def test_space_around_a_key_is_not_part_of_it(around: str) -> None:
    key = load({}, {KEY_VARIABLE: around.format(KEY)}, {}, demo=False).key
    assert key is not None
    assert key.reveal() == KEY


@pytest.mark.parametrize("bad", ["\n", "\0", " ", "\x1b", "\x7f", "é", "\u200b", "\ud800"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(bad: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({}, {KEY_VARIABLE: f"{KEY}{bad}{KEY}"}, {}, demo=False)
    assert KEY_VARIABLE in str(caught.value)
    assert KEY[:6] not in str(caught.value)


def test_where_the_key_comes_from(tmp_path: Path) -> None:
    flag, variable, file = (private(tmp_path / name, name) for name in ("flag", "variable", "file"))
    everywhere = {KEY_VARIABLE: "direct", "AUDITLOG_TUI_KEY_FILE": variable}

    def found(flags: Mapping[str, str | None], environ: Mapping[str, str], file: Mapping[str, Any]) -> str:
        key = load(flags, environ, file, demo=False).key
        assert key is not None
        return key.reveal()

    assert found({"key_file": flag}, everywhere, {"key_file": file}) == "flag"
    assert found({"key_file": None}, everywhere, {"key_file": file}) == "direct"
    assert found({}, {"AUDITLOG_TUI_KEY_FILE": variable}, {"key_file": file}) == "variable"
    assert found({}, {}, {"key_file": file}) == "file"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_a_key_file_that_is_not_private_is_refused(mode: int, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="chmod 600") as caught:
        read_private(Path(private(tmp_path / "key", mode=mode)))
    assert KEY not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owner here")
def test_a_key_file_of_someone_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(private(tmp_path / "key"))
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(SettingsError):
        read_private(path)


@pytest.mark.parametrize("path", ["missing", ".", "nul\0", "~nobody-of-this-name/key"])
def test_a_key_file_that_cannot_be_read_is_named(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="can't be read"):
        load({"key_file": path}, {}, {}, demo=False)


def test_the_home_folder_may_be_abbreviated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    private(tmp_path / "key")
    assert load({"key_file": "~/key"}, {}, {}, demo=False).key is not None


@pytest.mark.parametrize("content", ["", "two words", f"{KEY}\n{KEY}", "\ufeffkey", "\x00"])
def test_a_key_file_without_a_key_is_refused_and_not_shown(content: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="The key file holds no API key") as caught:
        load({"key_file": private(tmp_path / "key", content)}, {}, {}, demo=False)
    assert KEY not in str(caught.value)


# -- secrets -------------------------------------------------------------------------------------------------------


def test_secrets_do_not_show() -> None:
    settings = with_headers("X-Gateway: gateway-secret")
    for text in (repr(settings), str(settings), f"{settings.key}", repr(settings.key)):
        assert KEY not in text
        assert "gateway-secret" not in text


def test_secrets_are_not_pickled_or_copied() -> None:
    settings = with_headers()
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not to be written"):
            pickle.dumps(settings, protocol)
    with pytest.raises(TypeError, match="not to be written"):
        copy.deepcopy(Secret(KEY))


def test_what_must_never_be_shown_is_listed() -> None:
    settings = with_headers("X-Gateway: gateway-secret\nX-Team: infra")
    assert settings.secrets == (KEY, "gateway-secret")
