"""What to offer while a filter is typed: keys and values, saved views, and ids where a name was typed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from auditlog_tui.query import FIELDS, Candidate, Completion, complete
from auditlog_tui.query.format import format_value
from auditlog_tui.query.seen_values import Seen
from auditlog_tui.query.syntax import Text

_VIEW = re.compile(r"(?:^|(?<=\s))@([A-Za-z0-9_-]*)$")
_BY_LABEL = re.compile(r"(?:^|(?<=[\s-]))(actor|target):([^\s,]*)$")
_NAME = re.compile(r"(?:^|(?<=\s))actor\.name:(\"[^\"]+|[^\s\",]+)$")
_OFFERED = 50


def suggest(text: str, cursor: int, seen: Seen, views: Mapping[str, str]) -> Completion:
    """Candidates for what stands before the cursor; reads nothing but the values that were counted as they came."""
    cursor = min(cursor, len(text))
    before = text[:cursor]
    if match := _VIEW.search(before):
        names = [name for name in views if name.startswith(match[1])]
        return Completion(match.start(), cursor, tuple(Candidate(f"@{name} ", views[name]) for name in names))
    found = complete(text, cursor, lambda field: [(value.text, value.count) for value in seen.values(field)])
    if match := _BY_LABEL.search(before):
        return replace(found, candidates=_labelled(match[1], match[2], found.candidates, seen))
    if match := _NAME.search(before):
        ids = [replace(c, text=f"actor:{c.text}") for c in _labelled("actor", match[1], (), seen)]
        named = [replace(c, text=f"actor.name:{c.text}") for c in found.candidates]
        return Completion(match.start(), cursor, (*ids, *named))
    return found


def _labelled(field: str, typed: str, found: tuple[Candidate, ...], seen: Seen) -> tuple[Candidate, ...]:
    """Ids with the names that people know them by; a name that was typed finds its id."""
    values = {format_value(FIELDS[field], Text(value.text), last=False): value for value in seen.values(field)}
    labels = {written: value.label for written, value in values.items()}
    known = [replace(candidate, help=candidate.help or labels.get(candidate.text, "")) for candidate in found]
    present = {candidate.text for candidate in known}
    needle = typed.strip('"').casefold()
    known += [
        Candidate(written, value.label, value.count)
        for written, value in values.items()
        if needle and needle in value.label.casefold() and written not in present
    ]
    return tuple(known[:_OFFERED])
