"""What an export states about itself: the question, whom it was asked, when, and whether the answer is complete."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, Protocol

import msgspec

from auditlog_tui import __version__
from auditlog_tui.entries.raw_json import Json
from auditlog_tui.evidence.fields import Note, json_line, utc
from auditlog_tui.query.plan import Only

TOOL = "auditlog-tui"

NOT_COVERED = "The rest of the log is not covered."
"""Follows a `Statement.scope`."""

Verdict = Literal["COMPLETE", "INCOMPLETE"]

Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Instant = Annotated[int, msgspec.Meta(ge=-62_135_596_800_000_000, le=253_402_300_799_999_999)]
"""What a file may state: integers that SQLite can store, and times in the years 1 to 9999."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The entry with a key, and the top-level fields in which the server's differs from the stored one."""

    key: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rechecked:
    """The result of asking the server again for entries of an export, by their IDs, between two times.

    The numbers count entries: `expired` those that are gone and older than the log's oldest, `unasked` those that
    can't be asked for, `untold` those that were not found without proof that they are gone, `other` those for which
    another entry came, and `failed` those at which the server failed. `changes` and `missing` name the first of the
    `changed` and of the `gone` ones. `unclear` says why it can't be told whether the `untold` ones are gone.

    Before there was `untold`, those entries were counted as `gone` where `unclear` is not empty.
    """

    from_us: Instant
    to_us: Instant
    same: Number
    changed: Number
    gone: Number
    expired: Number
    unasked: Number
    changes: tuple[Changed, ...]
    missing: tuple[str, ...]
    unclear: str = ""
    untold: Number = 0
    other: Number = 0
    failed: Number = 0

    @property
    def count(self) -> int:
        """How many were asked for, if that was possible."""
        return self.same + self.changed + self.gone + self.unasked + self.untold + self.other + self.failed


@dataclass(frozen=True, slots=True)
class Statement:
    """The facts about an export. All times are in microseconds since 1970 UTC.

    `query` is the filter as typed, `frozen` the same with absolute times. `low_us` and `high_us` are the window that
    it names, `None` where it names no bound. `as_of_us` is the server's time to which the entries are up to date, or
    at which just these were marked or noted, and
    `clock_offset_ms` how far its clock is ahead of this machine's; both `None` if it sends no time. `requests` were
    answered; where the export was `resumed`, in all its runs and at least, as answers that came after the last one
    that was noted are not known. `entries` is the number of lines of JSON, `rows` the number of entries (the rest
    are further versions), `total` the server's count of these, `None` if it does not count just these or not rightly.
    `reason` says why the verdict is INCOMPLETE. `picked` says that the query is of entries that the user `marked` or
    `noted`, for which the API is not asked, and `context_us` that those so near to them in time are there too.
    `profile` is the name of the settings' profile, empty for none: two organizations may have one endpoint.
    `rechecked` is `None` if no entry was asked for again.
    """

    query: str
    frozen: str
    low_us: int | None
    high_us: int | None
    endpoint: str
    by: str
    as_of_us: Instant | None
    clock_offset_ms: Integer | None
    requests: Number
    entries: Number
    rows: Number
    total: Number | None
    verdict: Verdict
    reason: str = ""
    tool: str = TOOL
    version: str = __version__
    picked: Only = ""
    context_us: int = 0
    profile: str = ""
    resumed: bool = False
    rechecked: Rechecked | None = None

    @property
    def scope(self) -> str:
        """What a COMPLETE is about, where that is only what the user picked; empty for all that matches the query.

        For example `all 3 entries that were marked`.
        """
        if not self.picked:
            return ""
        also, entries = "" if self.frozen == "marked:yes" else " and match the query", f"{self.rows:,} entries"
        if self.context_us:
            return f"all that were {self.picked}{also}, and what surrounds them: {entries}"
        if self.rows == 1:
            return f"the only entry that was {self.picked}{also.replace('match', 'matches')}"
        return f"all {entries} that were {self.picked}{also}"


@dataclass(frozen=True, slots=True)
class Annotation:
    """The user's mark and note on the entry with a key. `made_us` is the time of the last change, 0 if there is none.

    `context` is true of an entry that is there only because it surrounds a marked one.
    """

    key: str
    marked: bool = False
    note: str = ""
    tags: tuple[str, ...] = ()
    made_us: Integer = 0
    context: bool = False

    def as_note(self) -> Note:
        return Note(self.note, self.tags, self.context, self.marked)

    def line(self) -> str:
        """One line of JSON, the same for the same annotation."""
        members: dict[str, Json] = {
            "id": self.key,
            "marked": self.marked,
            "note": self.note,
            "tags": list(self.tags),
            "made": utc(self.made_us) if self.made_us else None,
            "made_us": self.made_us,
            "context": self.context,
        }
        return json_line(members)


def read_annotation(line: str) -> Annotation:
    """The annotation in a line. Raises `ValueError` if `Annotation.line` did not write it."""
    try:
        found = json.loads(line)
        found["key"] = found.pop("id")
        read = msgspec.convert(found, Annotation)
        if read.line() == line:
            return read
    except (KeyError, TypeError, AttributeError, RecursionError, msgspec.ValidationError) as error:
        raise ValueError("not a line of notes") from error
    raise ValueError("not a line of notes")


class Ending(Protocol):
    """What an export becomes once all entries are there.

    `write` runs in a thread of its own. `out` raises an error where the export is stopped, which it lets through.
    """

    @property
    def states_verdict(self) -> bool:
        """Whether the file itself says if it is INCOMPLETE; of any other one the name has to."""

    def write(self, entries: Path, notes: list[Annotation], statement: Statement, out: BinaryIO) -> None:
        """Write the file. `entries` has a line for each version of each entry, in order, as `one_line` writes it.

        `notes` are in the order of the entries that they belong to. Raises `OSError`.
        """
