"""DuckDB, which writes and reads the parts. It comes with the extra `archive` and is imported here alone."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from auditlog_tui.archive.rows import COLUMNS
from auditlog_tui.errors import ArchiveError, ArchiveRefusedError
from auditlog_tui.text.safe import safe

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

INSTALL = "pip install '.[archive]'"

_CONFIG = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "1GB",
}
_LINE = {name: kind for name, kind in COLUMNS.items() if name != "created_at"} | {
    "us": "BIGINT", "number": "BIGINT", "raw": "VARCHAR",
}  # fmt: skip
_FORM = "(FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)"
_BUFFER = 16 * 1024 * 1024
"""Bytes that DuckDB reads at once, unless a line is longer."""


class Written(NamedTuple):
    """What a file has: the number of rows, and their first and last time in microseconds, if they have any."""

    rows: int
    first_us: int | None
    last_us: int | None


def check_installed() -> None:
    """Raise `ArchiveRefusedError` without DuckDB. Imports nothing slow."""
    if importlib.util.find_spec("duckdb") is None:
        raise ArchiveRefusedError(f"An archive needs DuckDB. In the clone of this program, run {INSTALL}.")


class Engine:
    """One database in memory. What does not fit there goes to the folder `spill`, which it makes and removes.

    Every method raises `ArchiveError`.
    """

    def __init__(self, spill: Path) -> None:
        import duckdb

        self._error = duckdb.Error
        with self._reporting():
            self._connection: DuckDBPyConnection = duckdb.connect(config={**_CONFIG, "temp_directory": str(spill)})
            self._connection.execute("SET TimeZone = 'UTC'")

    def close(self) -> None:
        self._connection.close()

    def write(
        self, lines: Path, longest: int, held: Sequence[Path], times: tuple[int, int] | None, target: Path
    ) -> Written:
        """Write the rows of `lines` (`rows.line_of`, at most `longest` bytes each) that none of `held` has.

        The rows are sorted by time. `times` are the first and the last of the lines, if all have one. `target` must
        exist.
        """
        kinds = ", ".join(f"{name}: '{kind}'" for name, kind in _LINE.items())
        names = ", ".join(_SELECTED.get(name, name) for name in COLUMNS)
        source = (
            f"SELECT {names}, us, number FROM read_json({_quoted(lines)}, format = 'newline_delimited',"  # noqa: S608  # own names only
            f" columns = {{{kinds}}}, maximum_object_size = {max(_BUFFER, longest + 1)})"
        )
        lacking = f"WHERE sha256(raw) NOT IN ({_hashes(held, times)})" if held else ""
        chosen = f"SELECT {', '.join(COLUMNS)} FROM ({source}) {lacking} ORDER BY us, number"  # noqa: S608  # own names only
        return self._copy(chosen, target)

    def join(self, parts: Sequence[Path], target: Path) -> Written:
        """Write the rows of several parts as one, sorted by time. `target` must exist."""
        names = ", ".join(COLUMNS)
        return self._copy(f"SELECT {names} FROM {_parquet(parts)} ORDER BY created_at", target)  # noqa: S608  # own names only

    def count(self, part: Path) -> int:
        """The number of rows of a part."""
        with self._reporting():
            return self._one(f"SELECT count(*) FROM {_parquet([part])}")[0]  # noqa: S608  # own names only

    def _copy(self, chosen: str, target: Path) -> Written:
        with self._reporting():
            self._connection.execute(f"COPY ({chosen}) TO {_text(str(target))} {_FORM}")
            times = "min(epoch_us(created_at)), max(epoch_us(created_at))"
            return Written._make(self._one(f"SELECT count(*), {times} FROM {_parquet([target])}"))  # noqa: S608  # own names only

    def _one(self, sql: str) -> tuple[int, ...]:
        found: tuple[int, ...] = self._connection.execute(sql).fetchall()[0]
        return found

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            raise ArchiveError(f"DuckDB can't read or write the archive: {safe(str(error), 500)}") from error


_SELECTED = {"created_at": "make_timestamp(us)::TIMESTAMPTZ AS created_at", "raw": "from_base64(raw) AS raw"}


def _hashes(held: Sequence[Path], times: tuple[int, int] | None) -> str:
    """A query for the digests of entries that are held, of those with these times if they are known."""
    found = f"SELECT sha256(raw) FROM {_parquet(held)}"  # noqa: S608  # own names only
    if times is None:
        return found
    low, high = (f"make_timestamp({us})::TIMESTAMPTZ" for us in times)
    return f"{found} WHERE created_at BETWEEN {low} AND {high}"


def _parquet(paths: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(map(_quoted, paths))}], hive_partitioning = false)"


def _quoted(path: Path) -> str:
    """A path to be read, in which nothing is a pattern."""
    return _text(re.sub(r"([\[*?])", r"[\1]", str(path)))


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
