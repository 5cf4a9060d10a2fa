"""Ways in which a part of an archive comes to differ from what was written; its name and place stay."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb


def _middle(part: Path) -> bytes:
    data = bytearray(part.read_bytes())
    columns = len(data) - _footer_of(data)
    some = min(2_000, columns // 4)
    data[columns // 2 : columns // 2 + some] = random.Random(1).randbytes(some)
    return bytes(data)


def _one_byte(part: Path) -> bytes:
    data = bytearray(part.read_bytes())
    data[500] ^= 1
    return bytes(data)


def _footer(part: Path) -> bytes:
    data = bytearray(part.read_bytes())
    data[-300:-100] = random.Random(1).randbytes(200)
    return bytes(data)


def _truncated(part: Path) -> bytes:
    return part.read_bytes()[:-100]


def _swapped(part: Path) -> bytes:
    """A readable part of the same day, size, times and number of entries, with other entries."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as db:
        other = Path(folder) / "other.parquet"
        db.execute("SET TimeZone = 'UTC'")
        chosen = f"SELECT * REPLACE (replace(action, 'a', 'e') AS action) FROM '{part}'"
        form = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 19, DICTIONARY_SIZE_LIMIT 1)"
        db.execute(f"COPY ({chosen}) TO '{other}' {form}")
        return _as_long(other.read_bytes(), part.stat().st_size)


def _as_long(data: bytes, size: int) -> bytes:
    """The same Parquet file with bytes that nothing refers to before its footer."""
    assert len(data) <= size
    footer = _footer_of(data)
    return data[:-footer] + bytes(size - len(data)) + data[-footer:]


def _footer_of(data: bytes | bytearray) -> int:
    """The bytes at the end of a Parquet file that tell what is in it."""
    return 8 + int.from_bytes(data[-8:-4], "little")


HARMS: Mapping[str, Callable[[Path], bytes]] = {
    "middle": _middle, "one byte": _one_byte, "footer": _footer, "truncated": _truncated, "swapped": _swapped,
}  # fmt: skip
"""What a part is after each kind of damage."""


def damage(part: Path, kind: str) -> bytes:
    """Damage the part; returns what it was."""
    before = part.read_bytes()
    after = HARMS[kind](part)
    assert after != before
    part.write_bytes(after)
    return before
