"""The investigator's log: what was asked, looked at, marked, copied and exported, as lines of JSON in a chain.

Each line holds the digest of the one before and ends with its own, so that a change to any line is found, and so is a
line that is missing among others. Whoever can write the file can cut off its end, or write all of it anew: only a
digest that was noted elsewhere shows that this was not done.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from auditlog_tui.entries.raw_json import Json
from auditlog_tui.evidence.fields import utc
from auditlog_tui.text.safe import safe

START = ""
"""The digest before the first line."""

MOST_IDS = 100
"""The most IDs in a line; it counts all of them."""

_NAMES = ("seq", "time", "kind", "fields", "before", "digest")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number, counted from 1, its time (RFC 3339, this machine's clock), what was done, and details."""

    seq: int
    time: str
    kind: str
    fields: Mapping[str, Json]
    before: str

    @property
    def digest(self) -> str:
        """SHA-256 of the line without it."""
        return sha256(_json(self._members()).encode("ascii")).hexdigest()

    @property
    def text(self) -> str:
        """The line as it is kept."""
        return _json({**self._members(), "digest": self.digest})

    def _members(self) -> dict[str, Json]:
        return {
            "seq": self.seq, "time": self.time, "kind": self.kind, "fields": dict(self.fields), "before": self.before,
        }  # fmt: skip


def _json(members: Mapping[str, Json]) -> str:
    return json.dumps(members, ensure_ascii=True, separators=(",", ":"))


def read_line(text: str) -> Line:
    """The line in a text. Raises `ValueError`, which says why, for what `Line.text` is not."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    if not (isinstance(found, dict) and tuple(found) == _NAMES):
        raise ValueError("it is no line of a log")
    texts = all(isinstance(found[name], str) for name in ("time", "kind", "before", "digest"))
    if not (texts and type(found["seq"]) is int and isinstance(found["fields"], dict)):
        raise ValueError("it is no line of a log")
    line = Line(found["seq"], found["time"], found["kind"], found["fields"], found["before"])
    if line.digest != found["digest"] or line.text != text:
        raise ValueError("it was changed, as its digest shows")
    return line


class Chain:
    """The end of a log, from which it goes on: the number of its last line, and what that holds."""

    def __init__(self, seq: int = 0, last: str = "") -> None:
        self._seq = seq
        self._digest = START
        with suppress(ValueError):  # a last line that does not hold is found by `check`, as what follows it is
            self._digest = read_line(last).digest

    def add(self, us: int, kind: str, fields: Mapping[str, Json]) -> Line:
        """The next line, of an instant in microseconds since 1970 UTC."""
        line = Line(self._seq + 1, (utc(us) or "").replace("+00:00", "Z"), kind, fields, self._digest)
        self._seq, self._digest = line.seq, line.digest
        return line


# -- checking --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about a log: `lines` hold, up to the one with this `digest`.

    `broken` is the number of the first line that does not hold, 0 if all do, and `why` says why it does not. `noted`
    says that the digest that was looked for is in it.
    """

    lines: int = 0
    digest: str = START
    broken: int = 0
    why: str = ""
    noted: bool = False


def check(lines: Iterable[tuple[object, object]], noted: str = "") -> Checked:
    """Check the lines of a log, each with the number under which it is kept. `noted` is a digest to look for."""
    digest, count, found = START, 0, False
    for number, text in lines:
        expected = count + 1
        try:
            if text is None:
                raise ValueError("it is longer than any that this program writes")
            if not isinstance(text, str):
                raise ValueError("it is no text")
            line = read_line(text)
            if number != expected or line.seq != expected:
                raise ValueError(_misplaced(expected, number, line.seq))
            if line.before != digest:
                raise ValueError("it does not follow the line before it")
        except ValueError as error:
            return Checked(count, digest, expected, str(error), found)
        digest, count = line.digest, expected
        found = found or digest == noted
    return Checked(count, digest, noted=found)


def _misplaced(expected: int, number: object, seq: int) -> str:
    """Why the line that is found next is not the one with the expected number."""
    if number != seq:
        return f"it is kept under the number {safe(str(number), 30)}, and says {safe(str(seq), 30)} of itself"
    if seq < expected:
        return f"line {safe(str(seq), 30)} is in its place"
    which = "it is" if seq == expected + 1 else f"it and all up to line {safe(f'{seq - 1:,}', 30)} are"
    return f"{which} missing, as line {safe(f'{seq:,}', 30)} comes next"


def ids_of(keys: Sequence[str]) -> dict[str, Json]:
    """How many entries a line is about, and the IDs of the first of them."""
    return {"entries": len(keys), "ids": list(keys[:MOST_IDS])}
