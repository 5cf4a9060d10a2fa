"""The investigator's log: what was asked, looked at, marked, copied and exported, as lines of JSON in a chain.

Each line holds the digest of the one before and ends with its own, so that a change to any line is found, and so is a
line that is missing among others. Whoever can write the file can cut off its end, or write all of it anew: only a
digest that was noted elsewhere shows that this was not done.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from auditlog_tui.entries.raw_json import Json
from auditlog_tui.evidence.fields import utc
from auditlog_tui.text.safe import safe

START = ""
"""The digest before the first line."""

HIDDEN = "[secret]"
"""What stands for a secret."""

MOST_IDS = 100
"""The most IDs in a line; it counts all of them."""

LONGEST_TEXT = 4_000
"""Characters of a text from which on it is cut."""

SHORTEST = 8
"""Letters and digits of a secret from which on it is also looked for between other characters."""

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
        raise ValueError("it was changed: its digest is another")
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
            if not isinstance(text, str):
                raise ValueError("it is no text")
            line = read_line(text)
            if number != expected or line.seq != expected:
                raise ValueError(f"its number is {safe(str(line.seq), 30)}: lines before it are missing, or moved")
            if line.before != digest:
                raise ValueError("it does not follow the line before it")
        except ValueError as error:
            return Checked(count, digest, expected, str(error), found)
        digest, count = line.digest, expected
        found = found or digest == noted
    return Checked(count, digest, noted=found)


# -- what may be written ---------------------------------------------------------------------------------------------


class Redactor:
    """Takes secrets out of texts, however they are quoted there."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)
        self._bare = [bare for secret in self._secrets if len(bare := _bare(secret)) >= SHORTEST]

    def clean(self, value: Json) -> Json:
        """The value without secrets, in all texts in it. Long texts are cut."""
        if isinstance(value, str):
            return self._clean_text(value)
        if isinstance(value, list):
            return [self.clean(each) for each in value]
        if isinstance(value, dict):
            return {self._clean_text(name): self.clean(each) for name, each in value.items()}
        return value

    def _clean_text(self, text: str) -> str:
        for secret in self._secrets:
            text = re.sub(re.escape(secret), HIDDEN, text, flags=re.IGNORECASE)
        bare = _bare(text)
        if any(secret in bare for secret in self._bare):  # in quotes, escaped, or with something between
            return HIDDEN
        text = text.encode("utf-8", "replace").decode()
        return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


_OTHER = re.compile(r"[^a-z0-9]+")
_ESCAPED = re.compile(r"%[0-9a-f]{2}")


def _bare(text: str) -> str:
    """The letters and digits of a text, of which nothing is left by quoting."""
    return _OTHER.sub("", _ESCAPED.sub("", text.casefold()))


def ids_of(keys: Sequence[str]) -> dict[str, Json]:
    """How many entries a line is about, and the IDs of the first of them."""
    return {"entries": len(keys), "ids": list(keys[:MOST_IDS])}
