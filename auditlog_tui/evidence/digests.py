"""A digest of each line of a file of entries, and what was done to the file since.

Each entry's line is named with its ID and SHA-256, line feed included. After each 100 of them a line has the SHA-256
of that block, and names that of the line of the block before, so that no block can be exchanged by itself.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Annotated, NamedTuple

import msgspec

from auditlog_tui.entries.models import read_entry
from auditlog_tui.errors import BundleError
from auditlog_tui.evidence.container import Region
from auditlog_tui.evidence.fields import json_line
from auditlog_tui.text.safe import safe

BLOCK = 100
"""Entries in a block."""

MOST_COMPARED = 200_000
"""The most lines between the first and the last difference that are told apart one by one."""

_ID_LIMIT = 80


def text_of(line: bytes) -> str:
    """An entry's JSON in its line; bytes that are not UTF-8 become lone surrogates."""
    return line.removesuffix(b"\n").decode("utf-8", "surrogateescape")


def key_of(line: bytes) -> str:
    """The key of the entry in a line: its ID, or its fingerprint."""
    return read_entry(text_of(line)).key


def shown_id(key: str) -> str:
    return safe(key, _ID_LIMIT)


def digest_lines(lines: Iterable[bytes]) -> Iterator[str]:
    """The lines of digests of entries."""
    previous: str | None = None
    block, number = sha256(), 0
    for number, line in enumerate(lines, 1):
        yield json_line({"line": number, "id": key_of(line), "sha256": sha256(line).hexdigest()})
        block.update(line)
        if number % BLOCK == 0:
            found = _block_line(number, block.hexdigest(), previous)
            yield found
            previous, block = sha256(found.encode()).hexdigest(), sha256()
    if number % BLOCK:
        yield _block_line(number, block.hexdigest(), previous)


def _block_line(last: int, digest: str, previous: str | None) -> str:
    number = (last - 1) // BLOCK + 1
    first = (number - 1) * BLOCK + 1
    return json_line({"block": number, "first": first, "last": last, "sha256": digest, "previous": previous})


# -- comparing -----------------------------------------------------------------------------------------------------


class _Line(msgspec.Struct, frozen=True):
    """A line of the digests that is of an entry."""

    line: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    id: str
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class _Named(NamedTuple):
    number: int
    id: str
    digest: int


class _Sides(NamedTuple):
    """The digests of the lines as they were and as they are, without the `skipped` ones at the start that are equal.

    `before` and `after` hold the first 8 bytes of each.
    """

    before: Sequence[int]
    after: Sequence[int]
    skipped: int


def differences(entries: Region, digests: Region) -> Iterator[str]:
    """What was changed, removed, added and moved in a file of entries since its digests were made, a sentence each.

    Lines are numbered from 1: as they were for what is gone, else as they are. Raises `BundleError` if the digests
    can't be read.
    """
    sides = _differing(
        array("Q", (named.digest for named in _read(digests))),
        array("Q", (_short(sha256(line).hexdigest()) for line in entries.lines())),
    )
    if max(len(sides.before), len(sides.after)) > MOST_COMPARED:
        first, last = sides.skipped + 1, sides.skipped + len(sides.after)
        yield f"Lines {first:,} to {last:,} of the entries were changed, removed, added or moved."
        return
    yield from _told(sides, entries, digests)


def _read(digests: Region) -> Iterator[_Named]:
    """The lines of entries."""
    for line in digests.lines():
        try:
            found = json.loads(line)
            if not isinstance(found, dict) or "block" not in found:
                named = msgspec.convert(found, _Line)
                yield _Named(named.line, named.id, _short(named.sha256))
        except (ValueError, msgspec.ValidationError, RecursionError) as error:
            raise BundleError("It can't be told which entries: the digests can't be read either.") from error


def _short(digest: str) -> int:
    return int.from_bytes(bytes.fromhex(digest)[:8])


def _differing(before: Sequence[int], after: Sequence[int]) -> _Sides:
    """Both sides without the lines at the start and the end that are the same."""
    most = min(len(before), len(after))
    start = next((n for n in range(most) if before[n] != after[n]), most)
    most -= start
    end = next((n for n in range(most) if before[-1 - n] != after[-1 - n]), most)
    return _Sides(before[start : len(before) - end], after[start : len(after) - end], start)


def _told(sides: _Sides, entries: Region, digests: Region) -> Iterator[str]:
    pairs = _pairs(sides)
    steady = _longest_rising(pairs)
    moved = sorted(set(pairs) - set(steady), key=lambda pair: pair[1])
    gone = sorted(set(range(len(sides.before))) - {before for before, _ in pairs})
    new = sorted(set(range(len(sides.after))) - {after for _, after in pairs})
    changed = _changed(steady, gone, new)
    first = sides.skipped + 1
    was = _ids_were(digests, first, {*gone, *(before for before, _ in moved)})
    now = _ids_are(entries, first, set(new))
    for before, after in changed:
        same = was(before) == now(after)
        what = f"Entry {was(before)} was changed" if same else f"Entry {was(before)} was replaced by {now(after)}"
        yield f"{what}: line {after + first:,}."
    for before in sorted(set(gone) - {before for before, _ in changed}):
        yield f"Entry {was(before)} was removed: line {before + first:,} of the original."
    for after in sorted(set(new) - {after for _, after in changed}):
        yield f"Entry {now(after)} was added: line {after + first:,}."
    for before, after in moved:
        yield f"Entry {was(before)} was moved from line {before + first:,} to line {after + first:,}."


def _pairs(sides: _Sides) -> list[tuple[int, int]]:
    """The indexes before and after of each line that is still there, in their order now."""
    places: dict[int, deque[int]] = defaultdict(deque)
    for index, digest in enumerate(sides.before):
        places[digest].append(index)
    return [(places[digest].popleft(), after) for after, digest in enumerate(sides.after) if places.get(digest)]


def _longest_rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The most pairs that kept their order among themselves."""
    ends: list[int] = []  # the least index before with which a row of this length ends
    at: list[int] = []
    links: list[int] = []
    for n, (before, _) in enumerate(pairs):
        length = bisect_left(ends, before)
        links.append(at[length - 1] if length else -1)
        ends[length : length + 1] = [before]
        at[length : length + 1] = [n]
    found: list[tuple[int, int]] = []
    n = at[-1] if at else -1
    while n >= 0:
        found.append(pairs[n])
        n = links[n]
    return found[::-1]


def _changed(steady: Sequence[tuple[int, int]], gone: Sequence[int], new: Sequence[int]) -> list[tuple[int, int]]:
    """A line that is gone with the new one at the same place between lines that stayed."""
    places = [before for before, _ in steady], [after for _, after in steady]
    between: dict[int, deque[int]] = defaultdict(deque)
    for after in new:
        between[bisect_left(places[1], after)].append(after)
    found = []
    for before in gone:
        waiting = between[bisect_left(places[0], before)]
        if waiting:
            found.append((before, waiting.popleft()))
    return found


def _ids_were(digests: Region, first: int, wanted: Collection[int]) -> Callable[[int], str]:
    found = {named.number - first: named.id for named in _read(digests) if named.number - first in wanted}
    return lambda index: shown_id(found.get(index, "?"))


def _ids_are(entries: Region, first: int, wanted: Collection[int]) -> Callable[[int], str]:
    lines = enumerate(entries.lines(), -first + 1)
    found = {index: key_of(line) for index, line in lines if index in wanted}
    return lambda index: shown_id(found.get(index, "?"))
