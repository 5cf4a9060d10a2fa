import os
from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from auditlog_tui.entries.contract import KEY_VARIABLE
from auditlog_tui.errors import SettingsError
from auditlog_tui.settings.connection import HEADERS_VARIABLE
from auditlog_tui.settings.options import OPTIONS, Flags, Option, Settings, check_file, load

KEY = "nirvana-key-0123456789"

# Of each option: the values for a flag, a variable and the file, which are not the default.
VALUES: dict[str, tuple[str, str, str]] = {
    "base_url": ("https://flag.example", "https://variable.example", "https://file.example"),
    "zone": ("local", "relative", "America/Los_Angeles"),
    "theme": ("nord", "gruvbox", "dracula"),
    "trust_env": ("yes", "yes", "yes"),
    "columns": ("ip", "actor,status", "path"),
    "scroll": ("redraw", "redraw", "redraw"),
    "mouse": ("no", "no", "no"),
    "parallel": ("1", "16", "4"),
    "mmdb": ("/flag.mmdb", "/variable.mmdb", "/file.mmdb"),
}
SHOWN = [option for option in OPTIONS if option.name not in ("profile", "key_file", "key_command")]
"""The others have tests of their own."""


def loaded(
    flags: Flags | None = None,
    environ: Mapping[str, str] | None = None,
    file: Mapping[str, Any] | None = None,
    *,
    demo: bool = False,
) -> Settings:
    return load(flags or {}, {KEY_VARIABLE: KEY, **(environ or {})}, file or {}, demo=demo)


def shown(settings: Settings, option: Option) -> object:
    value = getattr(settings, option.name)
    if option.many:
        return os.pathsep.join(value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value if value is None else str(value)


# -- where a setting comes from ------------------------------------------------------------------------------------


def test_every_option_is_tested_here() -> None:
    assert {option.name for option in SHOWN} == set(VALUES)


@pytest.mark.parametrize("option", SHOWN, ids=lambda option: option.name)
def test_each_option_has_its_default(option: Option) -> None:
    assert shown(loaded(), option) == option.default


@pytest.mark.parametrize("option", SHOWN, ids=lambda option: option.name)
def test_each_option_is_read_from_a_flag_a_variable_and_the_file(option: Option) -> None:
    flag, variable, file = VALUES[option.name]
    assert shown(loaded({option.name: flag}), option) == flag
    assert shown(loaded(environ={option.variable: variable}), option) == variable
    assert shown(loaded(file={option.name: file}), option) == file


@pytest.mark.parametrize("option", SHOWN, ids=lambda option: option.name)
def test_a_flag_goes_before_the_variable_and_that_before_the_file(option: Option) -> None:
    flag, variable, file = VALUES[option.name]
    assert shown(loaded({option.name: flag}, {option.variable: variable}, {option.name: file}), option) == flag
    assert shown(loaded({}, {option.variable: variable}, {option.name: file}), option) == variable
    assert shown(loaded({option.name: option.default}, {option.variable: variable}), option) == option.default


@pytest.mark.parametrize("option", SHOWN, ids=lambda option: option.name)
def test_an_empty_variable_sets_nothing(option: Option) -> None:
    assert shown(loaded(environ={option.variable: ""}), option) == option.default


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.choices], ids=lambda option: option.name)
def test_a_wrong_value_is_refused_naming_its_source_and_what_is_right(option: Option) -> None:
    sources: list[tuple[str, dict[str, Any]]] = [
        (option.flag, {"flags": {option.name: "wrong\x1b"}}),
        (option.variable, {"environ": {option.variable: "wrong\x1b"}}),
        (option.name, {"file": {option.name: "wrong\x1b"}}),
    ]
    for source, given_there in sources:
        with pytest.raises(SettingsError) as caught:
            loaded(**given_there)
        said = str(caught.value)
        assert source in said
        assert all(choice in said for choice in option.choices)
        assert "\x1b" not in said


def test_a_value_in_the_file_must_be_a_text() -> None:
    with pytest.raises(SettingsError, match="theme is '5'; it must be a text"):
        loaded(file={"theme": 5})


@pytest.mark.parametrize(
    "option", [each for each in OPTIONS if each.choices == ("yes", "no")], ids=lambda each: each.name
)
def test_yes_and_no_may_be_written_as_true_and_false(option: Option) -> None:
    for value, meant in ((True, "yes"), (False, "no"), ("true", "yes"), ("false", "no")):
        assert shown(loaded(file={option.name: value}), option) == meant
        check_file({option.name: value}, "config.toml")
    assert shown(loaded(environ={option.variable: "false"}), option) == "no"
    with pytest.raises(SettingsError, match=f"{option.name} is '1'; it must be yes or no"):
        loaded(file={option.name: 1})


def test_several_files_come_from_repeated_flags_a_list_or_a_variable() -> None:
    home = os.path.expanduser("~/b:c.mmdb")
    assert loaded({"mmdb": ["/a.mmdb", "~/b:c.mmdb"]}).mmdb == ("/a.mmdb", home)
    assert loaded(environ={"AUDITLOG_TUI_MMDB": os.pathsep.join(["/a.mmdb", "", "b.mmdb"])}).mmdb == (
        "/a.mmdb",
        "b.mmdb",
    )
    assert loaded(file={"mmdb": ["/a.mmdb", "~/b:c.mmdb"]}).mmdb == ("/a.mmdb", home)
    assert loaded(file={"mmdb": []}).mmdb == ()
    assert loaded({"mmdb": [""]}, file={"mmdb": "/a.mmdb"}).mmdb == ()  # how to do without the file's
    assert loaded({"mmdb": ["/b.mmdb"]}, file={"mmdb": "/a.mmdb"}).mmdb == ("/b.mmdb",)


@pytest.mark.parametrize("value", [5, ["/a.mmdb", 5], {"a": 1}, [["/a.mmdb"]]])
def test_a_list_in_the_file_is_of_texts(value: object) -> None:
    with pytest.raises(SettingsError, match=r"config: mmdb is .*; it must be a text"):
        check_file({"mmdb": value}, "config")


def test_settings_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(loaded(), "zone", "local")  # noqa: B010  # the point is that it can't be set


def test_saved_views_come_from_the_file() -> None:
    assert loaded(file={"views": {"mine": "status:500"}}).views == {"mine": "status:500"}


def test_the_demo_needs_no_key_and_takes_none() -> None:
    settings = loaded(environ={HEADERS_VARIABLE: "X-Team: infra"}, demo=True)
    assert settings.key is None
    assert settings.headers == {}
    assert settings.endpoint == "demo"


def test_the_header_names_the_host() -> None:
    assert loaded({"base_url": "https://api.example:8443/nirvana"}).endpoint == "api.example:8443"


# -- encryption -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3:8787", "[::1]", "localhost", "LOCALHOST:80"])
def test_a_key_may_go_to_this_machine_unencrypted(host: str) -> None:
    assert loaded({"base_url": f"http://{host}"}).key is not None


@pytest.mark.parametrize(
    "host",
    ["192.0.2.1", "api.example", "0.0.0.0", "localhost.example", "127.0.0.1.example", "127.1", "[::]", "2130706433"],
)
def test_a_key_goes_nowhere_else_unencrypted(host: str) -> None:
    with pytest.raises(SettingsError, match="not encrypted"):
        loaded({"base_url": f"http://{host}"})


def test_a_secret_header_does_not_go_unencrypted_either() -> None:
    with pytest.raises(SettingsError, match="not encrypted"):
        load({"base_url": "http://api.example"}, {HEADERS_VARIABLE: "Authorization: Bearer x"}, {}, demo=False)


# -- the file's content --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "hint"), [("base-url", "base_url"), ("themes", "theme"), ("Zone", "zone"), ("view", "views")]
)
def test_a_setting_that_there_is_not_brings_the_one_that_was_meant(name: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=rf"config: there is no setting {name}\. Did you mean {hint}\?"):
        check_file({name: "x"}, "config")


def test_a_setting_like_no_other_brings_them_all() -> None:
    with pytest.raises(SettingsError) as caught:
        check_file({"qqqq\x1b": "x"}, "config")
    assert all(option.name in str(caught.value) for option in OPTIONS)
    assert "\x1b" not in str(caught.value)


def test_a_key_in_the_file_is_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        check_file({"api_key": KEY}, "config")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("file", [{"zone": 1}, {"theme": 1}, {"trust_env": 1}])
def test_a_value_of_the_file_is_refused_naming_file_and_setting(file: dict[str, Any]) -> None:
    (name,) = file
    with pytest.raises(SettingsError, match=f"config: {name} is"):
        check_file(file, "config")


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("america/los_angeles", "Did you mean America/Los_Angeles?"),
        ("Los Angeles", "Did you mean America/Los_Angeles?"),
        ("Amerika/New_York", "Did you mean America/New_York?"),
        ("Berlim", "Did you mean Europe/Berlin?"),
        ("lokal", "Write utc, local, relative, or a name such as America/Los_Angeles."),
        ("America", ""), ("../../etc/passwd", ""), ("", ""), ("\x1b[2J", ""), ("x\0", ""), ("é" * 10_000, ""),
    ],
)  # fmt: skip
def test_a_zone_that_there_is_not_is_refused_with_the_one_that_may_be_meant(zone: str, hint: str) -> None:
    with pytest.raises(SettingsError, match="There is no time zone") as caught:
        loaded(flags={"zone": zone})
    message = str(caught.value)
    assert message.startswith("--zone: ")
    assert message.endswith(hint)
    assert message.isprintable()
    assert len(message) < 250
    with pytest.raises(SettingsError, match=r"^config: zone: There is no"):
        check_file({"zone": zone}, "config")


def test_without_a_list_of_zones_it_is_said_where_one_is_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoneinfo.available_timezones", set)
    with pytest.raises(SettingsError, match="pip install tzdata, or use utc, local or relative"):
        loaded(flags={"zone": "Mars/Base"})


@pytest.mark.parametrize("views", [[], "status:500", {"mine": 500}, {"mine": {"text": "status:500"}}])
def test_views_are_a_table_of_texts(views: object) -> None:
    with pytest.raises(SettingsError, match="views must be a table"):
        check_file({"views": views}, "config")


@pytest.mark.parametrize("name", ["", "two words", "-dash", "a:b", "é", "x\x1b"])
def test_a_view_needs_a_name_that_can_be_typed(name: str) -> None:
    with pytest.raises(SettingsError, match="can't name a view") as caught:
        check_file({"views": {name: "status:500"}}, "config")
    assert "\x1b" not in str(caught.value)


def test_a_file_of_every_setting_is_fine() -> None:
    check_file({**{name: values[2] for name, values in VALUES.items()}, "views": {"a-1_B": "status:500"}}, "config")


@pytest.mark.parametrize("value", ["0", "17", "-1", "1.5", "eight", "", "٣", "007", True, 0, 8.0, []])
def test_requests_at_once_are_a_whole_number_from_1_to_16(value: Any) -> None:
    with pytest.raises(SettingsError, match=r"--parallel is .*; it must be a whole number from 1 to 16"):
        loaded({"parallel": value})
    with pytest.raises(SettingsError, match=r"parallel is .*; it must be a whole number from 1 to 16"):
        check_file({"parallel": value}, "config.toml")


def test_requests_at_once_may_be_a_number_in_the_file() -> None:
    assert loaded(file={"parallel": 3}).parallel == 3
