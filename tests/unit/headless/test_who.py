"""The command who: its text, its JSON and its exit status."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditlog_tui import cli
from auditlog_tui.analysis.counting import Counting
from auditlog_tui.analysis.gathering import Gatherer
from auditlog_tui.analysis.names import NameSearch
from auditlog_tui.analysis.who import Report, Subject, Who, notes
from auditlog_tui.demo import demo_log
from auditlog_tui.demo.cast import CI_DEPLOY
from auditlog_tui.demo.server import Serving, serving
from auditlog_tui.headless.who import WIDTH, nobody, who_json, who_text
from auditlog_tui.log.log import Log
from auditlog_tui.offline.sqlite_source import FlatEntry, SqliteSource
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.text.cells import cell_width
from auditlog_tui.text.glyphs import ASCII, UNICODE
from auditlog_tui.text.safe import safe
from auditlog_tui.text.zones import read_zone
from tests.readme import README
from tests.unit.analysis.test_who import INCIDENT, does
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, entry
from tests.unit.mmdb import city, write_mmdb
from tests.unit.query.strategies import HOSTILE
from tests.unit.views import ignore
from tests.unit.walks import Held

KEY = "nirvana-key-0123456789abcdef"
UTC = read_zone("utc").zone

Command = Callable[..., tuple[int, str, str]]


async def report_on(api: FakeApi, subject: Subject, *, everything: bool = True) -> Report:
    who = Who(subject, Gatherer(Counting(Log(api, EntryStore())), everything=everything))
    await who.load(ignore)
    return who.report


async def text_of(api: FakeApi, subject: Subject) -> list[str]:
    return who_text(await report_on(api, subject), UTC, UNICODE)


# -- text ----------------------------------------------------------------------------------------------------------


async def test_the_text_tells_what_is_left_to_revoke() -> None:
    lines = await text_of(FakeApi(INCIDENT), Subject("actor", "thief"))
    (at,) = [number for number, line in enumerate(lines) if line.startswith("keys, users and others")]
    assert lines[0] == "name of thief · api_key · actor thief"
    assert lines[at : at + 15] == [
        "keys, users and others that it created, theirs in turn (3)",
        "!  second · name of second · api_key",
        "   created 2027-01-15 08:00:20 by thief",
        "   not deleted as far as this log tells",
        "   used in 3 entries, 2027-01-15 08:00:30 ~ 2027-01-15 08:00:32",
        "   1 refused · 1 destructive · 1 created",
        "✓  third · name of third · api_key",
        "   created 2027-01-15 08:00:22 by thief",
        "   deleted 2027-01-15 08:00:50 by name of admin admin",
        "   used in 1 entry, 2027-01-15 08:00:40",
        "   0 refused · 0 destructive · 0 created",
        "!    fourth · api_key",
        "     created 2027-01-15 08:00:31 by second",
        "     not deleted as far as this log tells",
        "     never used",
    ]
    (at,) = [number for number, line in enumerate(lines) if line.startswith("to revoke")]
    assert at < 12
    assert [" ".join(line.split()) for line in lines[at : at + 5]] == [
        "to revoke 3 all: itself, and 2 of 3 keys and users created by it, theirs in turn",
        "! thief itself name of thief api_key",
        "! second created name of second api_key",
        "! fourth created api_key",
        "",
    ]
    assert any(line.startswith("  access  api_key.created ") and " 2 " in line for line in lines)
    assert "  origin    thief created 2027-01-15 08:00:01 by name of admin admin" in lines


async def test_no_use_is_not_told_as_never_used_where_that_is_not_known() -> None:
    report = await report_on(
        FakeApi([*INCIDENT, entry(900, actor={"id": 5})], ignores=EVERY_FILTER), Subject("actor", "thief")
    )
    text = "\n".join(who_text(report, UTC, UNICODE))
    assert "use unknown" in text
    assert "never used" not in text


@pytest.mark.parametrize("kind", ["actor", "ip", "target"])
async def test_hostile_text_is_harmless_and_fits(kind: Any) -> None:
    texts = [*HOSTILE, "\x1b]52;c;aGk=\x07", "[@click=app.quit]x[/]", "\u202etxt", "字" * 200, "\ud800", "a\nb"]
    value = {"actor": "mine", "ip": "203.0.113.7", "target": "thing"}[kind]
    log = [
        entry(
            number,
            action=f"api_key.{text}" if number % 2 else "api_key.created",
            actor={"id": "mine" if kind == "actor" else text, "name": text, "type": text},
            client_ip="203.0.113.7" if kind == "ip" else text,
            user_agent=text,
            target={"id": "thing" if kind == "target" else text, "type": text},
        )
        for number, text in enumerate(texts)
    ]
    report = await report_on(FakeApi(log), Subject(kind, value))
    for glyphs in (UNICODE, ASCII):
        lines = who_text(report, UTC, glyphs)
        assert len(lines) > 10
        assert max(map(cell_width, lines)) <= WIDTH
        assert [line for line in lines if safe(line) != line] == []
    assert json.loads(who_json(report, UTC))["subject"]["value"] == value
    assert who_json(report, UTC).isascii()


async def test_long_sections_are_cut_and_what_is_left_is_not() -> None:
    log = [does(n, "thief", "api_key.created", f"key-{n}", user_agent=f"agent-{n}") for n in range(60)]
    lines = await text_of(FakeApi(log), Subject("actor", "thief"))
    assert "  … 40 more: --format json has all" in lines
    assert sum(line.startswith("!  key-") for line in lines) == 60


async def test_the_text_and_the_json_tell_who_acted_from_an_address_and_is_not_deleted() -> None:
    log = [
        does(1, "left", "vm.read", client_ip="192.0.2.9"), does(2, "gone", "api_key.created", "made",
        client_ip="192.0.2.9"), does(3, "admin", "api_key.deleted", "gone"),
    ]  # fmt: skip
    report = await report_on(FakeApi(log), Subject("ip", "192.0.2.9"))
    lines = [" ".join(line.split()) for line in who_text(report, UTC, UNICODE)]
    assert "to revoke 2 all: 1 created from here, 1 acted from here, not deleted" in lines
    assert "! left acted, may be legitimate name of left api_key" in lines
    found = json.loads(who_json(report, UTC))
    assert [(each["id"], each["why"]) for each in found["to_revoke"]["identities"]] == [
        ("made", "created"), ("left", "acted"),
    ]  # fmt: skip
    assert found["survival"] is None
    assert report.exact


async def test_what_is_loaded_of_too_many_entries_are_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.analysis.gathering.MOST_WALKED", 250)
    log = [does(n, "busy", "vm.read", f"vm-{n}") for n in range(1_000)]
    report = await report_on(FakeApi([*log, does(1_001, "other", "vm.read")]), Subject("actor", "busy"))
    (deeds,) = report.summary.succeeded
    assert report.loaded == deeds.n == 300  # whole pages
    assert deeds.first_us is not None
    assert report.last.us is not None
    assert report.last.us - deeds.first_us == 299 * 1_000_000
    assert any(note.startswith("300 of 1,000 entries are loaded, the newest") for note in notes(report))


async def test_actor_and_agent_of_a_session_are_cut_apart() -> None:
    log = [does(1, "a" * 40, "vm.read", "vm-1", client_ip="192.0.2.9", user_agent="u" * 40)]
    lines = await text_of(FakeApi(log), Subject("ip", "192.0.2.9"))
    assert any(re.search(r"vm.read +a+…a+ 192.\S* u+…u+$", line) for line in lines)


async def test_no_actor_of_a_target_is_marked_as_new() -> None:
    log = [does(n, f"actor-{n}", "vm.read", "vm-1") for n in range(3)]
    report = await report_on(FakeApi(log), Subject("target", "vm-1"))
    assert any(each.novel for each in report.summary.actors)
    assert not any(UNICODE.novel in line for line in who_text(report, UTC, UNICODE))


# -- JSON ----------------------------------------------------------------------------------------------------------


async def test_the_readme_explains_every_name_of_the_json() -> None:
    (told,) = re.findall(r"(?ms)What who writes as JSON</summary>.*?^```text\n(.*?)^```$", README.read_text("utf-8"))
    found = json.loads(who_json(await report_on(FakeApi(INCIDENT), Subject("actor", "thief")), UTC))
    words = set(re.findall(r"\w+", told))
    assert set(found) <= words
    assert set(re.findall(r"(?m)^(\w+)", told)) <= set(found)
    for held in found.values():
        for inner in held if isinstance(held, list) else [held]:
            assert not isinstance(inner, dict) or set(inner) <= words


async def test_the_json_has_all_that_is_known() -> None:
    found = json.loads(who_json(await report_on(FakeApi(INCIDENT), Subject("actor", "thief")), UTC))
    assert (found["exact"], found["total"]) == (True, {"n": 5, "basis": "exact"})
    assert {each["id"]: (each["state"], each["never_used"]) for each in found["lineage"]} == {
        "second": ("not deleted", False), "third": ("deleted", False), "fourth": ("not deleted", True),
    }  # fmt: skip
    assert found["lineage"][1]["deleted_by"] == "admin"
    assert found["succeeded"][0] == {
        "action": "api_key.created", "severity": "access", "n": 2, "first": "2027-01-15T08:00:20Z",
        "last": "2027-01-15T08:00:22Z", "filter": "actor:thief action:api_key.created status:2xx",
    }  # fmt: skip


# -- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving(demo_log(entries=600), api_key=KEY) as running:
        yield running


@pytest.fixture(scope="module")
def old_server() -> Iterator[Serving]:
    with serving(demo_log(entries=600), api_key=KEY, generation=1) as running:
        yield running


@pytest.fixture
def command(
    server: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    monkeypatch.setattr(cli, "config_path", lambda: tmp_path / "config.toml")
    monkeypatch.setenv("NIRVANA_LABS_API_KEY", KEY)
    monkeypatch.setenv("NIRVANA_LABS_BASE_URL", server.url)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(["who", *arguments])
        said = capfd.readouterr()
        return int(status), said.out, said.err

    return run


def test_it_is_the_same_over_both_generations(
    command: Command, old_server: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, err = command(CI_DEPLOY.id, "--format", "json")
    assert (status, err) == (0, "")
    monkeypatch.setenv("NIRVANA_LABS_BASE_URL", old_server.url)
    status, old, err = command(CI_DEPLOY.id, "--format", "json")
    assert (status, err) == (0, "")
    found, other = json.loads(out), json.loads(old)
    for name in ("total", "refused_total", "exact"):
        assert found[name] == other[name]
    for name in ("lineage", "created", "sessions", "succeeded"):
        assert len(found[name]) == len(other[name]) > 0


def test_an_address_and_an_id_are_told_apart(command: Command) -> None:
    status, out, _ = command("198.51.100.23")
    assert status == 0
    assert out.startswith("address 198.51.100.23\n")
    status, out, _ = command(f"target:{CI_DEPLOY.id}")
    assert (status, out.splitlines()[0]) == (0, f"api_key · target {CI_DEPLOY.id}")


@pytest.mark.parametrize("format_", ["text", "json"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("00000000-0000-4000-8000-000000000000", "No entry has this ID."),
        ("target:nothing", "No entry has this ID."),
        ("192.0.2.250", "No entry has this address."),
        ("deploy", "No entry has this ID, and no actor has this name."),
    ],
)
def test_of_nobody_there_is_no_report(text: str, said: str, format_: str, command: Command) -> None:
    assert command(text, "--format", format_) == (1, "", f"{said}\n")


# -- names ---------------------------------------------------------------------------------------------------------


def acted(number: int, actor: str, name: str | None, **more: Any) -> FlatEntry:
    made = FlatEntry(
        id=str(number), created_us=START_US + number * 1_000_000, action="vm.created", actor_id=actor,
        actor_name=name, actor_type="user", client_ip="203.0.113.7", method="POST", path="/v1/vms", status_code=200,
        user_agent="curl", target_id="vm-1", target_type="vm",
    )  # fmt: skip
    return made._replace(**more)


@pytest.mark.parametrize("text", [CI_DEPLOY.name, "CI-Deploy", f"actor:{CI_DEPLOY.name}"])
@pytest.mark.parametrize("generation", [1, 2])
def test_an_actor_is_found_by_its_name(
    text: str, generation: int, command: Command, old_server: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    if generation == 1:
        monkeypatch.setenv("NIRVANA_LABS_BASE_URL", old_server.url)
    status, out, err = command(text, "--format", "json")
    name = text.removeprefix("actor:")
    assert (status, err) == (0, f"{name} is no ID here, but the name of the actor {CI_DEPLOY.id}.\n")
    found = json.loads(out)
    assert found["subject"]["value"] == CI_DEPLOY.id
    assert found["total"]["n"] > 0


def test_of_several_actors_of_a_name_one_has_to_be_chosen(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    log = SqliteSource()
    log.add([
        acted(1, "first", "Åsa Ek"), acted(2, "first", "Åsa Ek"), acted(3, "second", "ÅSA EK"),
        acted(4, "third", "Åsa Ekman"), acted(5, "fourth", None),
    ])  # fmt: skip
    with serving(log, api_key=KEY) as server:
        monkeypatch.setenv("NIRVANA_LABS_BASE_URL", server.url)
        assert command("åsa ek") == (
            2,
            "",
            "2 actors have the name åsa ek. Take one by its ID:\n"
            "  second  user  1 entry under this name, the last 2027-01-15 08:00:03 UTC\n"
            "  first  user  2 entries under this name, the last 2027-01-15 08:00:02 UTC\n",
        )
        assert command("second")[0] == 0


def test_an_id_goes_before_a_name(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    log = SqliteSource()
    log.add([acted(1, "first", "Bo"), acted(2, "Bo", "Ann"), acted(3, "third", "vm-1")])
    with serving(log, api_key=KEY) as server:
        monkeypatch.setenv("NIRVANA_LABS_BASE_URL", server.url)
        assert command("Bo")[1].startswith("Ann · user · actor Bo\n")
        assert command("vm-1")[1].startswith("vm · target vm-1\n")


async def test_a_name_in_a_log_that_breaks_off_is_not_called_absent_or_the_only_one() -> None:
    log = [does(n, "somebody", "vm.read", at=1) for n in range(250)]
    api = FakeApi(log, trouble=dict.fromkeys(range(100), "refuse"))
    search = NameSearch(Log(api, EntryStore()), "NAME of somebody")
    await search.go()
    assert [(each.id, each.entries) for each in search.found.values()] == [("somebody", 100)]
    assert search.walk.missing().startswith("Incomplete: ")
    said = nobody([Subject("actor", "x")], search, sure=False)
    assert said == "No entry is known to have this ID or actor's name, but not every entry could be read."


async def test_entries_with_a_name_and_no_id_are_told() -> None:
    log = [does(1, "somebody", "vm.read"), does(2, "", "vm.read")]
    search = NameSearch(Log(FakeApi(log), EntryStore()), "name of ")
    await search.go()
    assert search.found == {}
    said = nobody([Subject("actor", "name of")], search, sure=True)
    assert said == "No entry has this ID. 1 entry has this actor's name, but no ID of the actor."


@pytest.mark.parametrize("arguments", [(), ("one", "two"), ("one", "--columns", "ip"), ("one", "--format", "csv")])
def test_what_it_does_not_take_is_refused(
    arguments: tuple[str, ...], command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command(*arguments)
    assert ended.value.code == 2
    assert "who: error: " in capfd.readouterr().err


def test_an_empty_id_is_refused(command: Command) -> None:
    status, out, err = command(" ")
    assert (status, out) == (2, "")
    assert "takes the ID" in err


def test_what_is_not_exact_ends_with_another_status(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.analysis.gathering.MOST_WALKED", 100)
    status, out, err = command(CI_DEPLOY.id)
    assert status == 1
    assert err.startswith("Incomplete: ")
    assert "entries are loaded, the newest" in out


async def test_the_progress_counts_what_is_fetched() -> None:
    api = Held([*INCIDENT, *(does(2_000 + n, "thief", "vm.read", "vm-1") for n in range(250))])
    api.answer.set()
    gatherer = Gatherer(Counting(Log(api, EntryStore())))
    who = Who(Subject("actor", "thief"), gatherer)
    said: list[str] = []
    await who.load(lambda: said.append(who.describe()))
    assert "100 of 255 entries fetched" in said
    assert said[-1].startswith("following ")
    assert who.report.exact


async def test_the_progress_says_that_it_waits_for_rows_that_the_user_waits_for() -> None:
    log = Log(Held(INCIDENT), EntryStore())
    who = Who(Subject("actor", "thief"), Gatherer(Counting(log)))
    assert who.describe() == "counting"
    with log.foreground():
        assert who.describe() == "waiting for rows that are being loaded"


# -- names and locations ---------------------------------------------------------------------------------------------


async def test_a_name_and_its_id_are_both_whole() -> None:
    name, actor = "the deployment key of the platform team", "8c0f6f0e-6a3f-4e0c-9d7f-3a1d2b4c5e6f"
    log = [entry(n, actor={"id": actor, "name": name, "type": "api_key"}, client_ip="203.0.113.7") for n in range(3)]
    lines = await text_of(FakeApi(log), Subject("ip", "203.0.113.7"))
    (at,) = [number for number, line in enumerate(lines) if line.startswith("actors (")]
    assert actor in lines[at + 1]
    assert lines[at + 2] == f"    {name}"


@pytest.mark.parametrize("words", [["192.0.2.44"], ["actor:thief"]])
def test_addresses_have_their_locations(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    place = write_mmdb(tmp_path / "city.mmdb", {"192.0.2.0/24": city("Berlin", "Germany", "DE")})
    file = tmp_path / "log.jsonl"
    file.write_text("".join(json.dumps(does(n, "thief", "vm.read", client_ip="192.0.2.44")) + "\n" for n in (1, 2)))
    assert cli.main(["who", *words, "--from", str(file), "--mmdb", str(place)]) in (0, 1)
    out = capfd.readouterr().out
    assert "DE Berlin" in out
    assert ("  location  DE Berlin" in out) == (words == ["192.0.2.44"])


def test_locations_are_for_no_other_command(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["list", "--demo", "--mmdb", "x.mmdb"])
    assert "--mmdb is for the browser and who" in capfd.readouterr().err
    assert cli.main(["who", "192.0.2.44", "--demo", "--mmdb", "no-such.mmdb"]) == 2
    assert "no-such.mmdb" in capfd.readouterr().err
