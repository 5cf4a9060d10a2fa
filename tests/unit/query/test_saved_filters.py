import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.errors import QueryError, SettingsError
from auditlog_tui.query import parse
from auditlog_tui.query.saved_filters import BUILT_IN, expand
from auditlog_tui.settings.file import read_config, save_option, save_view, write_beginning
from tests.unit.query.strategies import typed

VIEWS = {"mine": "ua:curl method:GET", "broken": "nonsense:1", "failures": "status:500", "empty": ""}


# -- expanding -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("@mine", "ua:curl method:GET"),
        ("@destructive", BUILT_IN["destructive"]),
        ("status:200  @mine -ip:10.0.0.1", "status:200  ua:curl method:GET -ip:10.0.0.1"),
        ("@mine @api-keys", "ua:curl method:GET actor.type:api_key"),
        ("@failures", "status:500"),  # the user's own view overrides the built-in one
        ("@empty method:GET", " method:GET"),
        ("", ""),
        ("method:GET", "method:GET"),
        ('"@mine"', '"@mine"'),
        ("ua:@mine", "ua:@mine"),
        ("-@mine", "-@mine"),
        ("a@mine", "a@mine"),
        ("@", "@"),
    ],
)
def test_a_name_stands_for_its_text(text: str, expanded: str) -> None:
    assert expand(text, VIEWS) == expanded


def test_every_built_in_view_can_be_read() -> None:
    for name, text in BUILT_IN.items():
        assert parse(expand(f"@{name}", {})) == parse(text)


@pytest.mark.parametrize(
    ("text", "start", "end", "says"),
    [
        ("method:GET @min", 11, 15, "Did you mean @mine?"),
        ("@nothing-like-it", 0, 16, "@failures"),
        ("@broken @mine", 0, 7, ""),
        ("@mine @" + "x" * 500, 6, 507, "@mine"),
    ],
)
def test_an_error_points_at_the_name(text: str, start: int, end: int, says: str) -> None:
    with pytest.raises(QueryError) as caught:
        expand(text, VIEWS)
    assert (caught.value.start, caught.value.end) == (start, end)
    assert says in caught.value.hint
    assert len(caught.value.message) < 200


def test_a_view_that_cannot_be_read_says_why() -> None:
    with pytest.raises(QueryError, match="@broken can't be read: There is no key nonsense"):
        expand("@broken", VIEWS)


@given(typed.filter(lambda text: "@" not in text))
def test_what_has_no_at_sign_is_left_as_it_is(text: str) -> None:
    try:
        assert expand(text, VIEWS) == text
    except QueryError:  # unbalanced quotes and commas
        with pytest.raises(QueryError):
            parse(text)


# -- saving --------------------------------------------------------------------------------------------------------

COMMENTED = """\
# mine
zone = "local"   # not UTC

# the ones I use
[views]
# nightly
nightly = "last:12h"  # every morning
other = 'ua:"x"'
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "config.toml"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_a_view_is_kept_and_everything_else_stays(path: Path) -> None:
    save_view(written(path, COMMENTED), "fresh", "method:DELETE last:1h")
    assert path.read_text().startswith(COMMENTED.rstrip())
    assert read_config(path)["views"] == {
        "nightly": "last:12h", "other": 'ua:"x"', "fresh": "method:DELETE last:1h",
    }  # fmt: skip


def test_a_view_of_the_same_name_gives_way_in_its_place(path: Path) -> None:
    save_view(written(path, COMMENTED), "nightly", "last:6h")
    assert path.read_text() == COMMENTED.replace("last:12h", "last:6h")


def test_an_option_is_kept_and_everything_else_stays(path: Path) -> None:
    save_option(written(path, COMMENTED), "columns", "ip,path")
    config = read_config(path)
    assert (config["columns"], config["zone"]) == ("ip,path", "local")
    assert list(config["views"]) == ["nightly", "other"]
    assert [line for line in COMMENTED.splitlines() if line not in path.read_text().splitlines()] == []
    save_option(path, "zone", "utc")
    assert '"utc"   # not UTC' in path.read_text()


def test_the_first_one_makes_the_file(path: Path) -> None:
    save_option(path, "zone", "local")
    save_view(path, "mine", "ua:curl")
    assert tomllib.loads(path.read_text()) == {"zone": "local", "views": {"mine": "ua:curl"}}


def test_the_file_of_config_init_takes_both_and_stays_explained(path: Path) -> None:
    write_beginning(path)
    before = path.read_text()
    save_view(path, "mine", "ua:curl")
    save_option(path, "columns", "ip")
    save_option(path, "theme", "nord")
    assert read_config(path) == {"columns": "ip", "theme": "nord", "views": {"mine": "ua:curl"}}
    assert [line for line in before.splitlines() if line not in path.read_text().splitlines()] == []


@pytest.mark.parametrize("name", ["", "a b", "a.b", "ü", "-x", "a\n", '"'])
def test_a_name_that_cannot_be_typed_after_an_at_sign_is_refused(name: str, path: Path) -> None:
    with pytest.raises(SettingsError):
        save_view(written(path, COMMENTED), name, "ua:curl")
    assert path.read_text() == COMMENTED


@pytest.mark.parametrize(("name", "value"), [("zone", "mars"), ("nonsense", "1")])
def test_a_setting_that_would_be_a_mistake_is_refused(name: str, value: str, path: Path) -> None:
    with pytest.raises(SettingsError):
        save_option(written(path, COMMENTED), name, value)
    assert path.read_text() == COMMENTED


def test_a_file_that_has_mistakes_is_left_as_it_is(path: Path) -> None:
    for text in ("zone = \n", "nonsense = 1\n", "views = 1\n"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        with pytest.raises(SettingsError):
            save_view(path, "mine", "ua:curl")
        assert path.read_text() == text


def test_a_text_that_no_file_can_hold_costs_nothing(path: Path) -> None:
    written(path, COMMENTED)
    with pytest.raises(SettingsError):
        save_view(path, "mine", "ua:\ud800")
    assert path.read_text() == COMMENTED


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="can't be"):
        save_view(tmp_path / "file" / "config.toml", "mine", "ua:curl")


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(("a\r\nb", "\x7f", "'''\"\\"))
)
def test_any_text_comes_back_as_it_was(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(COMMENTED)
        save_view(path, "mine", text)
        save_view(path, "later", "x")
        views = read_config(path)["views"]
        assert (views["mine"], views["later"], views["nightly"]) == (text, "x", "last:12h")


def test_a_view_may_name_others_but_not_itself() -> None:
    views = {"a": "status:200", "b": "@a ip:203.0.113.1", "c": "@b @api-keys", "x": "@y", "y": "ua:curl @x"}
    assert expand("@c method:GET", views) == "status:200 ip:203.0.113.1 actor.type:api_key method:GET"
    with pytest.raises(QueryError, match="refers to itself"):
        expand("@x", views)
    with pytest.raises(QueryError, match="no saved filter @none"):
        expand("@d", {"d": "@none"})
