"""Profiles: each is an organization with its address and key, and nothing of another one gets into it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from auditlog_tui.entries.contract import BASE_URL_VARIABLE, KEY_VARIABLE
from auditlog_tui.entries.models import read_entry
from auditlog_tui.errors import NoKeyError, SettingsError
from auditlog_tui.session.filter_history import history_path
from auditlog_tui.session.navigator import Navigator
from auditlog_tui.session.opening import Session
from auditlog_tui.settings.connection import HEADERS_VARIABLE
from auditlog_tui.settings.file import read_config, save_view
from auditlog_tui.settings.options import PROFILED, Flags, Settings, check_file, load

FILE: dict[str, Any] = {
    "base_url": "https://file.example",
    "zone": "local",
    "views": {"mine": "status:500"},
    "profiles": {
        "prod": {
            "base_url": "https://prod.example", "zone": "Asia/Tokyo", "trust_env": "yes",
            "key_command": "echo prod-key", "views": {"theirs": "status:401"},
        },
        "staging": {"key_command": "echo staging-key"},
        "bare": {"zone": "utc"},
    },
}  # fmt: skip


def loaded(
    flags: Flags | None = None, environ: Mapping[str, str] | None = None, file: Mapping[str, Any] = FILE, **more: Any
) -> Settings:
    return load(flags or {}, {"PATH": "/usr/bin:/bin", **(environ or {})}, file, **{"demo": False, **more})


def key_of(settings: Settings) -> str:
    assert settings.key is not None
    return settings.key.reveal()


def refusal(*args: Any, **more: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        loaded(*args, **more)
    return str(caught.value)


# -- which profile, and what it sets -------------------------------------------------------------------------------


def test_a_profile_brings_its_address_key_zone_and_filters() -> None:
    settings = loaded({"profile": "prod"})
    assert (settings.profile, settings.base_url, settings.zone) == ("prod", "https://prod.example", "Asia/Tokyo")
    assert settings.trust_env
    assert key_of(settings) == "prod-key"
    assert settings.views == {"theirs": "status:401"}


def test_what_a_profile_does_not_set_is_as_without_it_but_for_filters() -> None:
    settings = loaded({"profile": "staging"})
    assert (settings.base_url, settings.zone) == ("https://file.example", "local")
    assert settings.views == {}


def test_without_a_profile_everything_is_as_before() -> None:
    settings = loaded(environ={KEY_VARIABLE: "plain-key"})
    assert (settings.profile, settings.base_url, key_of(settings)) == ("", "https://file.example", "plain-key")
    assert settings.views == {"mine": "status:500"}


def test_a_profile_is_named_by_a_flag_a_variable_or_the_file() -> None:
    environ = {"AUDITLOG_TUI_PROFILE": "staging", KEY_VARIABLE: "any"}
    file = {**FILE, "profile": "bare"}
    assert loaded({"profile": "prod"}, environ, file).profile == "prod"
    assert loaded({}, environ, file).profile == "staging"
    assert loaded({}, {KEY_VARIABLE: "any"}, file).profile == "bare"
    assert loaded({"profile": ""}, environ, file).profile == ""  # how to do without the file's


def test_what_is_left_in_the_environment_gets_into_no_profile() -> None:
    left = {KEY_VARIABLE: "another", BASE_URL_VARIABLE: "https://another.example", "AUDITLOG_TUI_ZONE": "relative"}
    settings = loaded({"profile": "prod"}, left)
    assert (settings.base_url, settings.zone) == ("https://prod.example", "Asia/Tokyo")
    assert key_of(settings) == "prod-key"


def test_an_authorization_header_of_the_environment_replaces_no_key_of_a_profile() -> None:
    environ = {HEADERS_VARIABLE: "X-Team: infra\nauthorization: Bearer another"}
    said = refusal({"profile": "prod"}, environ, path="config.toml")
    assert HEADERS_VARIABLE in said
    assert "config.toml: profiles.prod.key_command" in said
    assert "another" not in said
    assert loaded({"profile": "bare"}, environ).key is None


def test_a_flag_goes_before_the_profile(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("flag-key")
    file.chmod(0o600)
    settings = loaded({"profile": "prod", "base_url": "https://flag.example", "key_file": str(file), "zone": "utc"})
    assert (settings.base_url, settings.zone, key_of(settings)) == ("https://flag.example", "utc", "flag-key")


def test_a_profile_without_a_key_takes_the_one_of_the_environment_or_says_that_it_has_none() -> None:
    assert key_of(loaded({"profile": "bare"}, {KEY_VARIABLE: "any-key"})) == "any-key"
    with pytest.raises(NoKeyError, match=r"^Profile bare has no key_file and no key_command\.\n"):
        loaded({"profile": "bare"})


@pytest.mark.parametrize(
    ("name", "hint"), [("prd", "Did you mean prod?"), ("PROD", ""), ("x\x1b[2J", ""), ("../prod", "")]
)
def test_an_unknown_profile_is_refused_with_those_there_are(name: str, hint: str) -> None:
    for source, given in (
        ("--profile", {"flags": {"profile": name}}),
        ("AUDITLOG_TUI_PROFILE", {"environ": {"AUDITLOG_TUI_PROFILE": name}}),
        ("config.toml: profile", {"file": {**FILE, "profile": name}}),
    ):
        for more in ({}, {"demo": True}, {"saved": "log.jsonl"}):
            said = refusal(**given, **more, path="config.toml")
            assert said.startswith(f"{source}: There is no profile ")
            assert hint in said
            assert said.endswith("config.toml has prod, staging, bare.")
            assert said.isprintable()


def test_without_any_profile_it_says_how_to_begin_one() -> None:
    said = refusal({"profile": "prod"}, file={}, path="config.toml")
    assert "config.toml has none: begin one with [profiles.NAME]" in said


def test_a_wrong_value_of_a_profile_names_the_file_the_profile_and_its_key() -> None:
    file = {"profiles": {"prod": {"base_url": "ftp://x", "key_command": "echo any"}}}
    assert refusal({"profile": "prod"}, file=file, path="c").startswith("c: profiles.prod.base_url: ")
    file = {"profiles": {"prod": {"key_file": "/no/such/file"}}}
    assert refusal({"profile": "prod"}, file=file, path="c").startswith("c: profiles.prod.key_file: The key file")
    file = {"profiles": {"prod": {"key_command": "/no/such/program"}}}
    assert refusal({"profile": "prod"}, file=file, path="c").startswith("c: profiles.prod.key_command: /no/such")


@pytest.mark.parametrize(
    ("profiles", "said"),
    [
        ([], "profiles must be tables"),
        ({"prod": "x"}, "profiles must be tables"),
        ({"a b": {}}, "can't name a profile"),
        ({"../x": {}}, "can't name a profile"),
        ({"x" * 33: {}}, "can't name a profile"),
        ({"prod": {}, "Prod": {}}, "the same name"),
        ({"prod": {"base-url": "x"}}, "no setting profiles.prod.base-url. Did you mean profiles.prod.base_url?"),
        ({"prod": {"theme": "nord"}}, f"no setting profiles.prod.theme. There are {', '.join(PROFILED)}, views."),
        ({"prod": {"profile": "x"}}, "no setting profiles.prod.profile"),
        ({"prod": {"key": "nirvana-key-1"}}, "no setting profiles.prod.key."),
        ({"prod": {"zone": "mars"}}, "config: profiles.prod.zone: There is no time zone"),
        ({"prod": {"zone": 5}}, "config: profiles.prod.zone is '5'"),
        ({"prod": {"views": 5}}, "profiles.prod.views must be a table"),
        ({"prod": {"views": {"a b": "x"}}}, "can't name a view"),
        ({"prod": {"key_file": "a", "key_command": "b"}}, "profiles.prod.key_command both give a key"),
    ],
)
def test_mistakes_in_profiles_are_found(profiles: object, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_file({"profiles": profiles}, "config")
    assert said in str(caught.value)
    assert str(caught.value).startswith("config: ")
    assert "nirvana-key" not in str(caught.value)


def test_two_ways_to_a_key_in_one_place_are_refused_and_in_two_places_the_stronger_counts() -> None:
    assert "--key-file and --key-command both" in refusal({"key_file": "a", "key_command": "b"})
    both = {"AUDITLOG_TUI_KEY_FILE": "a", "AUDITLOG_TUI_KEY_COMMAND": "b"}
    assert "AUDITLOG_TUI_KEY_FILE and AUDITLOG_TUI_KEY_COMMAND both" in refusal({}, both)
    assert key_of(loaded({"key_command": "echo flag"}, both)) == "flag"
    assert key_of(loaded({}, {"AUDITLOG_TUI_KEY_COMMAND": "echo variable"}, {"key_file": "a"})) == "variable"
    assert key_of(loaded({}, {KEY_VARIABLE: "direct", **both})) == "direct"
    assert key_of(loaded({}, {}, {"key_command": "echo file"})) == "file"


# -- what is kept --------------------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "auditlog-tui"


async def opened(profile: str) -> tuple[Session, Navigator]:
    session = Session(Settings(base_url="https://one.example", profile=profile))
    session.prepare()
    return session, session.open(lambda _: None)


async def test_two_profiles_on_one_endpoint_share_no_mark_and_no_history(state: Path) -> None:
    for profile in ("prod", "staging", ""):
        session, navigator = await opened(profile)
        assert navigator.history.texts == []
        assert navigator.marks.count == 0
        navigator.submit(f"path:/{profile or 'none'}")
        assert session.marks() is navigator.marks
        navigator.marks.mark([read_entry('{"id": "id-1", "action": "vm.deleted"}')])
        await session.close()
    for profile in ("prod", "staging", ""):
        session, navigator = await opened(profile)
        assert navigator.history.texts == [f"path:/{profile or 'none'}"]
        assert navigator.marks.count == 1
        await session.close()
    assert history_path().name == "history"  # the one from before there were profiles
    names = os.listdir(state)
    assert {"history", "history-prod", "history-staging"} <= set(names)
    assert len([name for name in names if name.endswith(".sqlite3")]) == 3


async def test_a_link_names_the_profile_so_that_no_other_organization_is_asked(state: Path) -> None:
    session, navigator = await opened("prod")
    navigator.submit("status:403")
    assert navigator.link() == "auditlog-tui --profile prod --base-url https://one.example status:403"
    await session.close()


# -- saved filters -------------------------------------------------------------------------------------------------

TABLE = '# mine\n[profiles.prod] # prod\nkey_command = "x"\n[profiles.other]\nzone = "utc"\n'


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        TABLE + '[profiles.prod.views]\nfirst = "x"\n',
        'profiles.prod.key_command = "x" # prod\nprofiles.other.zone = "utc"\n',
        '[profiles]\nprod = { key_command = "x" } # prod\nother = { zone = "utc" }\n',
        '[profiles]\nprod = { key_command = "x", views = { first = "x" } } # prod\nother = { zone = "utc" }\n',
    ],
)
def test_a_filter_is_saved_for_its_profile_alone(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    before = read_config(path)
    save_view(path, "mine", "status:403", "prod")
    save_view(path, "mine", "status:500")
    save_view(path, "more", "status:401", "prod")
    after = read_config(path)
    views = {**before["profiles"]["prod"].get("views", {}), "mine": "status:403", "more": "status:401"}
    assert after == {
        "views": {"mine": "status:500"},
        "profiles": {**before["profiles"], "prod": {"key_command": "x", "views": views}},
    }
    assert "# prod" in path.read_text()


def test_a_profile_that_was_removed_meanwhile_gets_no_filter(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(TABLE)
    with pytest.raises(SettingsError, match="has no profile gone any more"):
        save_view(path, "mine", "status:403", "gone")
    assert path.read_text() == TABLE
