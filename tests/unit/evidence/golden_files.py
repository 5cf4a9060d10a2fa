"""Writes the golden files of the hand-over formats: python -m tests.unit.evidence.golden_files"""

from collections.abc import Callable, Iterator
from pathlib import Path

from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.evidence import ecs, markdown, ocsf, timesketch
from auditlog_tui.evidence.fields import NO_NOTE, Note

GOLDEN = Path(__file__).parent / "golden"
JSON_LINES: dict[str, Callable[[Entry, Note], str]] = {
    "timesketch": timesketch.line, "ocsf": ocsf.line, "ecs": ecs.line,
}  # fmt: skip
FILES = {"markdown": "markdown.md", **{name: f"{name}.jsonl" for name in JSON_LINES}}
NOTES = {
    "e-1": Note("the way in | see #inc42", ("inc42",), marked=True),
    "e-2": Note("", (), context=True),
    "e-7": Note("`<img src=x>` @all\n| x |", ("inc42", "bad")),
}


def entries() -> list[Entry]:
    """A small log: usual entries, hostile and malformed ones, and one id with two versions."""
    text = (GOLDEN / "entries.jsonl").read_bytes().decode("utf-8", "surrogateescape")
    return [read_entry(line) for line in text.split("\n") if line]


def lines(name: str) -> Iterator[str]:
    """The lines of the small log in a format."""
    if name == "markdown":
        yield from markdown.HEADER
    before_us = None
    for entry in entries():
        note = NOTES.get(entry.key, NO_NOTE)
        if name != "markdown":
            yield JSON_LINES[name](entry, note)
            continue
        yield markdown.line(entry, note, before_us)
        before_us = before_us if entry.created_us is None else entry.created_us


def text(name: str) -> str:
    return "".join(f"{line}\n" for line in lines(name))


if __name__ == "__main__":
    for name, file in FILES.items():
        (GOLDEN / file).write_text(text(name), encoding="utf-8", newline="\n")
