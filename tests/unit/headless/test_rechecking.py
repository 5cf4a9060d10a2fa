"""`recheck` over a real server: after it changed one entry and forgot one, for another organization, and refused."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import Fault, Serving, serving
from auditlog_tui.evidence.statement import Annotation
from auditlog_tui.offline.source import Filter, Found, Order, Place, Source
from tests.unit.evidence.bundles import line, made, statement
from tests.unit.headless.conftest import KEY, Command

UNTIL = datetime(2026, 11, 20, tzinfo=UTC)


class Altered:
    """A log that can lose entries, have others in their place, and become another organization's."""

    def __init__(self, log: Source) -> None:
        self.log = log
        self.instead: dict[str, str | None] = {}

    def find(self, where: Filter, order: Order, after: Place | None, limit: int) -> Found:
        return self.log.find(where, order, after, limit)

    def get(self, entry_id: str) -> str | None:
        return self.instead[entry_id] if entry_id in self.instead else self.log.get(entry_id)

    def now(self) -> datetime | None:
        return self.log.now()

    def close(self) -> None:
        self.log.close()


@pytest.fixture
def log() -> Altered:
    return Altered(demo_log(entries=300, until=UNTIL))


@pytest.fixture
def server(log: Altered) -> Iterator[Serving]:
    with serving(log, api_key=KEY) as running:
        yield running


@pytest.fixture
def bundle(command: Command, server: Serving) -> list[str]:
    """A bundle of failed requests, by the program itself; returns their IDs."""
    assert command("export", "status:>=400", "--bundle", "incident.zip")[0] == 0
    ids = command("list", "status:>=400", "--format", "ids")[1].split()
    assert len(ids) > 9
    server.requests.clear()
    return ids


def altered(text: str | None) -> str:
    assert text is not None
    return json.dumps({**json.loads(text), "status_code": 204})


def test_nothing_has_changed(command: Command, server: Serving, bundle: list[str]) -> None:
    status, out, err = command("recheck", "incident.zip")
    assert (status, err) == (0, "")
    assert out.endswith(f" at {server.url}: {len(bundle)} same.\n")
    assert sorted(request.target.rpartition("/")[2] for request in server.requests) == sorted(bundle)


def test_one_entry_was_changed_and_one_forgotten(command: Command, log: Altered, bundle: list[str]) -> None:
    log.instead = {bundle[2]: altered(log.get(bundle[2])), bundle[5]: None}
    status, out, err = command("recheck", "incident.zip")
    first, *lines = out.splitlines()
    assert (status, err) == (1, "")
    assert first.endswith(f": {len(bundle) - 2} same, 1 changed (status_code), 1 gone.")
    assert [(line.split()[0], line.split("  ")[-1]) for line in lines] == [
        (bundle[2], "changed: status_code"), (bundle[5], "gone"),
    ]  # fmt: skip


def test_as_json(command: Command, log: Altered, bundle: list[str]) -> None:
    log.instead = {bundle[2]: altered(log.get(bundle[2])), bundle[5]: None}
    status, out, _ = command("recheck", "incident.zip", "--format", "json")
    found = json.loads(out)
    assert status == 1
    assert (found["same"], found["changed"], found["gone"], found["unclear"]) == (len(bundle) - 2, 1, 1, None)
    assert found["asked"] == found["entries"] == len(bundle)
    assert {each["id"]: each["result"] for each in found["differences"]} == {bundle[2]: "changed", bundle[5]: "gone"}


def test_for_another_organizations_key_nothing_is_told_as_gone(
    command: Command, log: Altered, bundle: list[str]
) -> None:
    log.log = demo_log(entries=300, until=UNTIL, seed=2)
    status, out, _ = command("recheck", "incident.zip")
    assert status == 2
    assert f"None of the {len(bundle)} entries is in this log: the key may belong to another organization" in out
    assert "gone" not in out.replace("retention", "")


def test_on_a_server_that_finds_nothing_by_its_id_no_entry_is_told_as_gone(
    command: Command, log: Altered, bundle: list[str]
) -> None:
    newest = command("list", "--limit", "1", "--format", "ids")[1].split()
    log.instead = dict.fromkeys([*bundle, *newest])
    status, out, _ = command("recheck", "incident.zip")
    first, why, *lines = out.splitlines()
    assert status == 2
    assert first.endswith(f": 0 of {len(bundle)} entries re-checked, {len(bundle)} can't be told.")
    assert why.startswith("The server finds no entry by its ID, not even the newest one")
    assert len(lines) == len(bundle)
    assert all(line.endswith("  can't be told") for line in lines)
    found = json.loads(command("recheck", "incident.zip", "--format", "json")[1])
    assert (found["gone"], found["untold"], found["unclear"]) == (0, len(bundle), why)


def test_an_answer_with_another_entry_does_not_end_it(command: Command, log: Altered, bundle: list[str]) -> None:
    log.instead = {bundle[2]: log.get(bundle[5])}
    status, out, err = command("recheck", "incident.zip")
    first, line = out.splitlines()
    same, total = len(bundle) - 1, len(bundle)
    assert (status, err) == (2, "")
    assert first.endswith(f": {same} of {total} entries re-checked, 1 answered with another entry: {same} same.")
    assert line.startswith(bundle[2])
    assert line.endswith(f"  another entry came: {bundle[5]}")


def test_of_one_marked_entry_that_is_gone_the_others_prove_whose_log_it_is(
    command: Command, log: Altered, tmp_path: Path
) -> None:
    texts = [text.encode() for text in command("list", "--limit", "20", "--format", "jsonl")[1].splitlines()]
    ids = [json.loads(text)["id"] for text in texts]
    notes = [Annotation(ids[3], marked=True)]
    stated = statement(20, endpoint=os.environ["NIRVANA_LABS_BASE_URL"])
    (tmp_path / "marked.zip").write_bytes(made(tmp_path, texts, notes, stated))
    log.instead = {ids[3]: None}
    status, out, err = command("recheck", "marked.zip", "--marked")
    assert (status, err) == (1, "")
    assert out.splitlines()[0].endswith(": 1 gone.")


def test_the_key_is_not_sent_for_a_file_that_names_another_address(
    command: Command, server: Serving, tmp_path: Path
) -> None:
    (tmp_path / "received.zip").write_bytes(made(tmp_path, [line(n) for n in range(20)]))
    with serving(demo_log(entries=10, until=UNTIL)) as other:
        stated = statement(20, endpoint=other.url)
        (tmp_path / "hostile.zip").write_bytes(made(tmp_path, [line(n) for n in range(20)], (), stated))
        for name in ("received.zip", "hostile.zip"):
            status, out, err = command("recheck", name)
            assert (status, out) == (2, "")
            assert "Nothing was sent" in err
            assert server.url in err
        assert other.requests == server.requests == []
        status, out, _ = command("recheck", "hostile.zip", "--base-url", server.url)
        assert status == 2
        assert "the key may belong to another organization" in out
        assert other.requests == []


def test_any_file_that_open_reads_can_be_rechecked(command: Command, log: Altered, tmp_path: Path) -> None:
    (tmp_path / "all.jsonl").write_text(command("list", "--limit", "20", "--format", "jsonl")[1])
    assert command("recheck", "all.jsonl")[0] == 0
    entry_id = json.loads((tmp_path / "all.jsonl").read_text().splitlines()[0])["id"]
    log.instead = {entry_id: None}
    assert command("recheck", "all.jsonl")[0] == 1


@pytest.mark.parametrize("status", [500, 429])
def test_a_server_that_fails_ends_it_with_what_was_found_out(
    command: Command, server: Serving, bundle: list[str], status: int
) -> None:
    server.faults.extend([Fault(status, {"retry-after-ms": "10"})] * 200)
    code, out, err = command("recheck", "incident.zip")
    first, *lines = out.splitlines()
    assert code == 2
    failed = f", {len(lines)} failed" if status == 500 else ""
    assert first.endswith(f": 0 of {len(bundle)} entries re-checked{failed}.")
    assert all("  failed: " in line and line.endswith("(500)") for line in lines)
    assert len(lines) >= 3 or status != 500
    told, error = err.splitlines()
    assert told.startswith(f"0 of {len(bundle)} entries re-checked; waiting 1 s, then attempt ")
    assert str(status) in error
    assert len(server.requests) < 30


def test_entries_at_which_the_server_fails_are_told_as_failed_and_all_others_are_rechecked(
    command: Command, server: Serving, bundle: list[str]
) -> None:
    server.faults.extend([Fault(500, {"x-should-retry": "false"})] * 2)
    status, out, err = command("recheck", "incident.zip")
    first, *lines = out.splitlines()
    assert (status, err) == (2, "")
    same, total = len(bundle) - 2, len(bundle)
    assert first.endswith(f": {same} of {total} entries re-checked, 2 failed: {same} same.")
    assert len(lines) == 2
    assert all("  failed: " in line and "(500)" in line for line in lines)


def test_a_key_that_is_refused_tells_nothing(
    command: Command, bundle: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIRVANA_LABS_API_KEY", "another-key-0123456789")
    status, out, err = command("recheck", "incident.zip")
    assert status == 2
    assert f"0 of {len(bundle)} entries re-checked.\n" in out
    assert "refused the API key (401)" in err


@pytest.mark.parametrize(
    "words",
    [
        ["recheck"],
        ["recheck", "a", "b"],
        ["recheck", "a", "--from", "b"],
        ["recheck", "a", "--case", "b"],
        ["recheck", "a", "--format", "csv"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(words: list[str], command: Command) -> None:
    with pytest.raises(SystemExit) as ended:
        command(*words)
    assert ended.value.code == 2


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "incident.zip",
            "Asking for 12 entries in incident.zip, one request each. 1 is marked: --marked asks only for",
        ),
        ("all.jsonl", "Asking for 12 entries in all.jsonl, one request each.\n"),
    ],
)
def test_how_many_are_asked_for_is_told_on_a_terminal(
    path: str, said: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = command("list", "--limit", "12", "--format", "jsonl")[1]
    texts = [each.encode() for each in text.splitlines()]
    stated = statement(12, endpoint=os.environ["NIRVANA_LABS_BASE_URL"])
    notes = [Annotation(json.loads(texts[3])["id"], marked=True)]
    (tmp_path / "incident.zip").write_bytes(made(tmp_path, texts, notes, stated))
    (tmp_path / "all.jsonl").write_text(text)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert command("recheck", path)[0] == 0
    assert said in terminal.getvalue()


def test_what_is_no_log_is_refused(command: Command, tmp_path: Path, server: Serving) -> None:
    (tmp_path / "no.txt").write_text("hello")
    assert command("recheck", "no.txt")[0] == 2
    assert command("recheck", "missing.zip")[0] == 2
    wanted = "a file of entries, a bundle or a case"
    assert command("recheck", ".") == (2, "", f". is a folder, not {wanted}. Name {wanted}.\n")
    assert server.requests == []


def test_marked_entries_are_wanted_and_none_is_there(command: Command, bundle: list[str], server: Serving) -> None:
    status, out, err = command("recheck", "incident.zip", "--marked")
    assert (status, out) == (2, "")
    assert "has no marked entry" in err
    assert server.requests == []


def test_a_near_miss_is_asked_about(command: Command) -> None:
    assert "Did you mean recheck?" in command("rechekc")[2]
