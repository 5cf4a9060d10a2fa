"""What the screen writes down in a case's log, and what it never does."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from auditlog_tui.api.retry import Wait
from auditlog_tui.errors import StoreError
from auditlog_tui.evidence.journal import Chain, check
from auditlog_tui.output.clipboard import TERMINAL, TMUX, Copied
from auditlog_tui.session.journal import KeptJournal
from auditlog_tui.session.navigator import Navigator
from auditlog_tui.settings.redactor import Redactor
from auditlog_tui.ui import app as app_module
from tests.app.helpers import SIZE, Hand, app_over, running, settled
from tests.app.helpers import TestOpener as Opener
from tests.app.wire import NOW_US, JsonLog, Wire, WithoutIds, answers, log_of, made
from tests.effort import THOROUGH

KEY = "nv-key-0123456789abcdef"


class Kept:
    """The lines of a log that is kept; `full` is a disk without room."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.full = False

    def add(self, line: str) -> None:
        if self.full:
            raise StoreError("The disk is full.")
        self.lines.append(line)

    @property
    def acts(self) -> list[tuple[str, dict[str, object]]]:
        return [(found["kind"], found["fields"]) for found in map(json.loads, self.lines)]

    @property
    def last(self) -> tuple[str, dict[str, object]]:
        return self.acts[-1]


class JournalOpener(Opener):
    """Keeps the log of its one run."""

    def __init__(self, wire: Wire, kept: Kept) -> None:
        super().__init__(wire)
        self.kept = kept

    def open(self, on_wait: Callable[[Wait | None], None]) -> Navigator:
        navigator = super().open(on_wait)
        navigator.redactor = navigator.marks.redactor = Redactor([KEY])
        navigator.journal = KeptJournal(Chain(), Redactor([KEY]), self.kept.add, lambda: NOW_US)
        return navigator


@asynccontextmanager
async def keeping(log: JsonLog | None = None) -> AsyncIterator[tuple[Hand, Kept]]:
    wire, kept = Wire(log or log_of()), Kept()
    app = app_over(JournalOpener(wire, kept))
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        yield Hand(pilot, app, wire), kept


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


async def test_where_the_user_went_is_written_down() -> None:
    async with keeping() as (hand, kept):
        assert kept.acts == [("query", {"query": "", "typed": ""})]
        await hand.filter("status:>=400")
        assert kept.last == ("query", {"query": "status:>=400", "typed": ""})
        await hand.press("p", "a")
        (_, pivot), (kind, query) = kept.acts[-2:]
        assert (pivot["to"], kind) == ("actor", "query")
        assert str(query["query"]).startswith("status:>=400 actor:")
        await hand.press("[")
        assert kept.last == ("back", {"query": "status:>=400"} | {"typed": ""})
        await hand.press(".")
        assert (kept.last[0], kept.last[1]["seconds"]) == ("around", 300.0)
        await hand.filter("")
        await hand.press("G")
        assert kept.last == ("jump", {"query": "", "to": "go to the oldest entry"})
        await hand.press("w", "a")
        assert [kind for kind, _ in kept.acts][-1:] == ["who"]


async def test_a_filter_with_a_relative_time_is_written_down_as_typed_and_with_its_time() -> None:
    async with keeping() as (hand, kept):
        await hand.filter("last:24h")
        assert kept.last == ("query", {"query": "created:>=2026-06-30T12:00:00Z", "typed": "last:24h"})


async def test_the_ids_to_revoke_that_were_copied_are_named(clipboard: list[str]) -> None:
    created = made(1, action="api_key.created", target={"id": "key-1", "type": "api_key"})
    async with keeping(JsonLog([created, made(2)])) as (hand, kept):
        await hand.press("w", "a", "C")
        kind, told = kept.last
        assert clipboard == ["actor-1\nkey-1"]
        assert (kind, told["values"], told["sha256"]) == ("copied", ["actor-1", "key-1"], digest(clipboard[0]))
        assert "entries" not in told  # these are IDs of actors
        await hand.press("c")
        assert kept.last[1]["values"] == ["actor-1"]
        await hand.press("escape", "y", "l")
        assert kept.last[1]["sha256"] == digest(clipboard[-1])


async def test_only_where_a_copy_certainly_arrived_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def copy(text: str, **how: object) -> Copied:
        return next(ways)

    ways = iter([Copied("tmux", TMUX, "", unconfirmed=TERMINAL), Copied("osc52", "", "", unconfirmed=TERMINAL)])
    monkeypatch.setattr(app_module, "copy", copy)
    async with keeping() as (hand, kept):
        await hand.press("c")
        told = kept.last[1]
        assert (told["confirmed"], told["unconfirmed"]) == (TMUX, TERMINAL)
        await hand.press("c")
        assert "confirmed" not in kept.last[1]
        assert kept.last[1]["unconfirmed"] == TERMINAL


async def test_marks_notes_and_copies_are_written_down(clipboard: list[str]) -> None:
    async with keeping() as (hand, kept):
        key = hand.row.key
        await hand.press("m")
        assert kept.last == ("marked", {"entries": 1, "ids": [key]})
        await hand.press("k", ";")
        await hand.write("the way in #inc42")
        await hand.press("enter")
        assert kept.last == ("noted", {"entries": 1, "ids": [key], "note": "the way in #inc42"})
        await hand.press("c")
        assert kept.last == (
            "copied",
            {"what": f"ID {key}", "lines": 1, "sha256": digest(key), "confirmed": "the clipboard", "entries": 1,
             "ids": [key]},
        )  # fmt: skip
        await hand.press("y", "j")
        assert (kept.last[0], kept.last[1]["ids"]) == ("copied", [key])
        assert clipboard[-1] not in kept.lines[-1]
        await hand.press("M")
        assert kept.last == ("marked only", {})
        await hand.press("m")
        assert kept.last == ("unmarked", {"entries": 1, "ids": [key]})
        await hand.press(":")
        await hand.write("forget all marks")
        await hand.press("enter", "f")
        assert kept.last == ("forgot marks", {"entries": 1, "ids": [key]})


async def test_rechecks_and_exports_are_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with keeping(JsonLog(made(n) for n in range(30))) as (hand, kept):
        await hand.press("m", "m")
        hand.wire.log = JsonLog(made(n) for n in range(1, 30))
        await hand.press("R")
        assert kept.last == (
            "rechecked",
            {"result": "1 same, 1 gone", "of": 2, "unclear": "", "changed": [], "gone": ["id-00000"]},
        )
        await hand.press("escape")
        hand.wire.fail(answers(500, {"message": "boom"}, x_should_retry="false"))
        await hand.press("R")
        kind, fields = kept.last
        assert (kind, fields["result"]) == ("rechecked", "0 of 2 entries re-checked, 2 failed")
        assert (fields["gone"], fields["failed"]) == ([], ["id-00000", "id-00001"])
        hand.wire.fail(answers(500), times=0)
        await hand.press("escape")
        hand.wire.log = WithoutIds(made(n) for n in range(30))
        await hand.press("R")
        kind, fields = kept.last
        assert (kind, fields["result"]) == ("rechecked", "0 of 2 entries re-checked, 2 can't be told")
        assert (fields["gone"], fields["untold"]) == ([], ["id-00000", "id-00001"])
        assert str(fields["unclear"]).startswith("The server finds no entry by its ID")
        await hand.press("escape", "e", "enter")
        kind, fields = kept.last
        assert (kind, fields["form"], fields["verdict"], fields["entries"]) == ("exported", "bundle", "COMPLETE", 2)
        assert str(fields["path"]).startswith(str(tmp_path))
        assert len(str(fields["manifest_sha256"])) == 64
        assert str(fields["manifest_sha256"]) in hand.text


async def test_the_lines_hold() -> None:
    async with keeping() as (hand, kept):
        await hand.press("m", "c", "G", "p", "i")
        assert check(enumerate(kept.lines, 1)).broken == 0
        assert len(kept.lines) > 4


async def test_the_key_is_not_written_down_wherever_it_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clipboard: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    async with keeping() as (hand, kept):
        others = [f'"{KEY}"', f"-{KEY}", f"path:~{KEY}", f"actor:{KEY} last:24h"] if THOROUGH else []
        for text in (KEY, f"ua:{KEY}", KEY.upper(), *others):
            await hand.filter(text)
            assert "not searched for and not kept" in hand.text, text
            assert KEY.casefold() not in hand.text.casefold()
            await hand.press("escape", "y", "l", "escape")
        await hand.filter("")
        await hand.press("m", "k", ";")
        await hand.write(f"rotate {KEY} #{KEY}")
        await hand.press("enter")
        assert "rotate [secret] #[secret]" in hand.text
        for key in ("ctrl+f", "ctrl+t", "w"):
            await hand.press("escape", "escape", key)
            await hand.write(KEY)
            await hand.press("enter")
            assert KEY.casefold() not in hand.text.casefold(), key
        await hand.press("escape", "escape", "y", "c", "e", "tab", "tab", "ctrl+u")
        await hand.write(f"{KEY}.zip")
        await hand.press("enter")
        assert "This has the API key in it" in hand.text
        await hand.press("escape")
        assert {"query", "copied"} <= {kind for kind, _ in kept.acts}
        assert KEY.casefold() not in "".join(clipboard).casefold()
        assert not any(KEY in name for name in os.listdir(tmp_path))
        assert KEY.casefold() not in "".join(kept.lines).casefold()


async def test_a_disk_without_room_is_told_once_and_loses_nothing() -> None:
    async with keeping() as (hand, kept):
        before = len(kept.lines)
        kept.full = True
        await hand.press("m")
        assert "The investigator's log can't be written now, and waits: The disk is full." in hand.status
        await hand.press("m")
        assert "log can't be written" not in hand.status
        assert hand.navigator.journal.left.startswith("2 lines of the investigator's log could not be written")
        kept.full = False
        await hand.press("m")
        assert len(kept.lines) == before + 3
        assert hand.navigator.journal.left == ""
        assert check(enumerate(kept.lines, 1)).broken == 0


async def test_without_a_case_nothing_is_kept() -> None:
    async with running() as hand:
        await hand.press("m", "c")
        assert not hand.navigator.journal.kept
        assert hand.navigator.journal.left == ""
