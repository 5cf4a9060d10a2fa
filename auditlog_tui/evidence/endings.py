"""What an export ends as: a file of lines in one of the formats, or a bundle."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from itertools import islice
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO

from auditlog_tui.entries.models import read_entry
from auditlog_tui.entries.raw_json import restored, stored
from auditlog_tui.evidence.bundle import Bundle
from auditlog_tui.evidence.fields import NO_NOTE
from auditlog_tui.evidence.formats import TableStyle, Writer
from auditlog_tui.evidence.forms import BUNDLE
from auditlog_tui.evidence.statement import Annotation, Ending, Statement
from auditlog_tui.store.entries import row_of
from auditlog_tui.text.glyphs import UNICODE

_PORTION = 100
_BLOCK = 64 * 1024
_STYLE = TableStyle(None, "utc", UTC, 0, UNICODE)


@dataclass(frozen=True, slots=True)
class Lines:
    """A file in one format: `jsonl`, the evidence, or one made of that. Nothing in it says whether it is complete."""

    name: str
    states_verdict: bool = False

    def write(self, entries: Path, notes: list[Annotation], statement: Statement, out: BinaryIO) -> None:
        """Write every entry in this format, with its note. Raises `OSError`."""
        with entries.open("rb", buffering=_BLOCK) as lines:
            if self.name == "jsonl":
                copyfileobj(lines, out, _BLOCK)
                return
            by_key = {each.key: each.as_note() for each in notes}
            writer = Writer(self.name, _STYLE, notes=lambda key: by_key.get(key, NO_NOTE))
            out.write(encoded(writer.header()))
            while portion := [restored_line(line) for line in islice(lines, _PORTION)]:
                out.write(encoded(self._portion(writer, portion)))

    def _portion(self, writer: Writer, texts: list[str]) -> list[str]:
        if writer.raw:
            return writer.raw_lines(texts)
        return writer.lines([row_of(read_entry(text)) for text in texts])


def ending_of(form: str) -> Ending:
    """What makes the file of a form: of one of the formats, or `BUNDLE`."""
    return Bundle() if form == BUNDLE else Lines(form)


def encoded(lines: list[str]) -> bytes:
    """Lines as bytes: of JSON as received, even if it is not UTF-8."""
    text = "".join([f"{line}\n" for line in lines])
    with suppress(UnicodeEncodeError):
        return text.encode("utf-8", "surrogateescape")
    return b"".join(_bytes_of(line) for line in lines)


def _bytes_of(line: str) -> bytes:
    kept = stored(f"{line}\n")
    return kept.encode() if isinstance(kept, str) else kept


def restored_line(line: bytes) -> str:
    """The text of a line that `encoded` wrote."""
    return restored(line.removesuffix(b"\n"))
