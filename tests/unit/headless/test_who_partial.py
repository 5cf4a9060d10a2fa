"""The command who over a saved log: it says what may be missing, unless the log states that it has everything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from auditlog_tui import cli
from auditlog_tui.archive.dataset import Archive, Origin
from auditlog_tui.entries.models import read_entry
from auditlog_tui.text.times import rfc3339
from tests.unit.analysis.test_who import INCIDENT, does
from tests.unit.evidence.bundles import made as bundled
from tests.unit.evidence.bundles import statement
from tests.unit.evidence.test_saved_case import made as case_made
from tests.unit.fake import START_US, FakeApi, Json

LATER_US = START_US + 30 * 86_400_000_000
THIEF = "actor:thief"

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setattr(cli, "config_path", lambda: tmp_path / "config.toml")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)

    def run(path: Path, *arguments: str) -> tuple[int, str, str]:
        status = cli.main(["who", "--from", path.name, *arguments])
        said = capfd.readouterr()
        return int(status), said.out, said.err

    return run


def texts(log: Sequence[Json]) -> list[str]:
    return [json.dumps(each) for each in log]


def an_archive(folder: Path, query: str, complete_us: int | None, log: Sequence[Json] = INCIDENT) -> Path:
    with Archive(folder, Origin("https://log.example", query)) as archive:
        rest = [read_entry(text) for text in texts(log)]
        while rest := rest[archive.take(rest) :]:
            archive.flush()
        archive.flush()
        archive.write_state(b"{}", complete_us)
    return folder


def a_source(folder: Path, kind: str, log: Sequence[Json] = INCIDENT) -> tuple[Path, str]:
    """A log saved in one of the ways, and why it may lack entries; empty if it states that it does not."""
    match kind:
        case "plain file":
            (folder / "log.jsonl").write_text("".join(f"{text}\n" for text in texts(log)))
            return folder / "log.jsonl", "this file does not say whether it has all of the log"
        case "archive of a filter":
            return an_archive(
                folder / "kept", "actor:thief", LATER_US, log
            ), "this archive has only the entries of actor:thief"
        case "archive of a part":
            return an_archive(
                folder / "kept", "", None, log
            ), "this archive does not say whether it has all of the log"
        case "archive":
            return an_archive(folder / "kept", "", LATER_US, log), ""
        case "case of a filter" | "case":
            filters = ["actor:thief"] if kind != "case" else [""]
            asyncio.run(case_made(folder / "incident.db", *filters, api=FakeApi(list(log))))
            return folder / "incident.db", "only what was looked at is in this case" if kind != "case" else ""
        case _:
            told = {
                "bundle": {}, "bundle of marked": {"frozen": "marked:yes", "picked": "marked"},
                "bundle of a filter": {"frozen": "actor:thief"},
                "bundle that is short": {"verdict": "INCOMPLETE", "reason": "the server stopped"},
            }[kind]  # fmt: skip
            stated = statement(len(log), **({"frozen": ""} | told))
            (folder / "b.zip").write_bytes(bundled(folder, [text.encode() for text in texts(log)], stated=stated))
            short = "the server stopped" if "short" in kind else f"this file has only the entries of {stated.frozen}"
            return folder / "b.zip", short if told else ""


PARTIAL = [
    "plain file", "archive of a filter", "archive of a part", "case of a filter", "bundle of marked",
    "bundle of a filter", "bundle that is short",
]  # fmt: skip
WHOLE = ["archive", "case", "bundle"]


@pytest.mark.parametrize("kind", PARTIAL)
def test_of_a_source_that_may_lack_entries_nothing_is_called_all(kind: str, tmp_path: Path, command: Command) -> None:
    path, why = a_source(tmp_path, kind)
    status, out, err = command(path, THIEF)
    assert status == 1
    first = f"Incomplete: {why}"
    assert " ".join(out.split()).startswith(first)
    assert err.startswith(first)
    assert "to revoke" in out
    for claim in ("  all", "exact", "whole log", "this log", "never used", "The log begins", "no key or user"):
        assert claim not in out
    assert " found" in out
    status, out, err = command(path, THIEF, "--format", "json")
    assert (status, err.startswith(first)) == (1, True)
    found = json.loads(out)
    assert (found["exact"], found["to_revoke"]["all"]) == (False, False)
    assert found["to_revoke"]["doubts"][0]["text"] == "entries of the log may be missing"
    assert '"exact"' not in out.replace('"exact":', "")
    assert 'never_used":true' not in out.replace(" ", "")
    assert '"novel":true' not in out.replace(" ", "")
    assert found["notes"][0].startswith(first)


@pytest.mark.parametrize("kind", WHOLE)
def test_of_one_that_is_complete_for_the_whole_log_everything_is(kind: str, tmp_path: Path, command: Command) -> None:
    path, _ = a_source(tmp_path, kind)
    status, out, err = command(path, THIEF)
    assert (status, err) == (0, "")
    assert out.startswith("name of thief")
    assert "all: itself, and 2 of 3 keys and users" in out
    assert "The log begins" in out
    found = json.loads(command(path, THIEF, "--format", "json")[1])
    assert (found["exact"], found["to_revoke"]["all"]) == (True, True)


@pytest.mark.parametrize("kind", ["plain file", "archive of a filter", "bundle of marked"])
def test_of_nobody_in_such_a_source_it_is_not_said_that_the_log_has_none(
    kind: str, tmp_path: Path, command: Command
) -> None:
    path, why = a_source(tmp_path, kind)
    status, out, err = command(path, "nobody")
    assert (status, out) == (1, "")
    assert err == f"No entry here has this ID, and no actor here has this name.\nIncomplete: {why}.\n"


@pytest.mark.parametrize("words", ["actor:thief", "ip:203.0.113.7", "target:thief"])
def test_more_entries_than_are_read_are_told_besides(
    words: str, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditlog_tui.analysis.gathering.MOST_WALKED", 100)
    log = [does(n, "thief", "vm.read", "thief") for n in range(1_000, 1_250)]
    path, why = a_source(tmp_path, "archive of a filter", log)
    status, out, _ = command(path, words)
    assert status == 1
    assert out.startswith(f"Incomplete: {why}")
    assert "of 250 entries found are loaded, the newest" in out
    assert "settles it" not in out
    assert rfc3339(START_US + 1_000 * 1_000_000)[11:19] in out  # the first of all that is here


def test_what_acted_from_an_address_is_not_deleted_as_far_as_that_tells(tmp_path: Path, command: Command) -> None:
    path, _ = a_source(tmp_path, "plain file")
    of = "perhaps not all: 0 created from here, 1 acted from here, no deletion found"
    status, out, _ = command(path, "203.0.113.9")
    assert status == 1
    assert of in out
    found = json.loads(command(path, "203.0.113.9", "--format", "json")[1])
    assert found["to_revoke"]["of"] == of
    assert [each["reason"] for each in found["to_revoke"]["identities"]] == ["as far as these entries tell"]
