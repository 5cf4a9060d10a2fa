"""DuckDB, which writes and reads the parts. It comes with the extra `archive` and is imported here alone.

`Engine` writes an archive. `Reader` reads one that may come from anybody, and its database is locked in: it reads
files below the archive's folder and nothing else, writes nothing, loads no extension, and can't be told otherwise.
"""

from __future__ import annotations

import importlib.util
import os
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from auditlog_tui.archive import counts
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
ROW_GROUP = 10_240
"""Rows that are compressed together, and read together for one of them. DuckDB's own number is twelve times that."""

_FORM = (
    "(FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false,"
    # A dictionary of all values of a column, IDs too, comes with a Bloom filter: an entry is found by its ID without
    # reading the IDs of all others. That costs 12 % of the size.
    f" ROW_GROUP_SIZE {ROW_GROUP}, DICTIONARY_SIZE_LIMIT {ROW_GROUP})"
)
_BUFFER = 16 * 1024 * 1024
"""Bytes that DuckDB reads at once, unless a line is longer."""


class Written(NamedTuple):
    """What a file has: the number of rows, their first and last time in microseconds, if any, and `Engine.counts`."""

    rows: int
    first_us: int | None
    last_us: int | None
    counts: msgspec.Raw


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
        """Write the rows of several parts as one, sorted by time, then as they came. `target` must exist."""
        names, order = ", ".join(COLUMNS), "created_at, file_index, file_row_number"
        return self._copy(f"SELECT {names} FROM {_parquet(parts)} ORDER BY {order}", target)  # noqa: S608  # own names only

    def counts(self, part: Path, rows: int) -> msgspec.Raw:
        """How many of a part's entries have each value, of columns with few values (`archive.counts`)."""
        with self._reporting():
            columns = [
                (name, _values(self._connection, part, name, counts.MOST_VALUES + 1)) for name in counts.COUNTED
            ]
        return counts.encoded(columns, rows)

    def _copy(self, chosen: str, target: Path) -> Written:
        with self._reporting():
            self._connection.execute(f"COPY ({chosen}) TO {_text(str(target))} {_FORM}")
            times = "min(epoch_us(created_at)), max(epoch_us(created_at))"
            rows, first_us, last_us = self._one(f"SELECT count(*), {times} FROM {_parquet([target])}")  # noqa: S608  # own names only
        return Written(rows, first_us, last_us, self.counts(target, rows))

    def _one(self, sql: str) -> tuple[Any, ...]:
        found: tuple[Any, ...] = self._connection.execute(sql).fetchall()[0]
        return found

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            raise ArchiveError(f"DuckDB can't read or write the archive: {safe(str(error), 500)}") from error


class RowGroup(NamedTuple):
    """Rows of a file that are compressed together. `low_us` and `high_us` are its first and last time, if known.

    `file` is the index of the file. `unreadable` is not 0 if the column of this name may have a value.
    """

    file: int
    rows: int
    low_us: int | None
    high_us: int | None
    unreadable: int


Value = str | int | list[str] | list[int]
"""What a query binds."""

MOST_THREADS = 4


class Reader:
    """A database that reads files below `folder`, in any number of threads at once. It never writes.

    Raises `ArchiveError`, as every method does. `folder` has no links in its path.
    """

    def __init__(self, folder: Path) -> None:
        import duckdb

        self._error = duckdb.Error
        self._not_of_file = duckdb.InterruptException, duckdb.OutOfMemoryException
        self._folder = folder
        self._lock = threading.Lock()
        self._running: set[DuckDBPyConnection] = set()
        self._closed = False
        self._changed = threading.Condition(self._lock)
        threads = str(max(1, min(MOST_THREADS, os.cpu_count() or 1)))
        config: dict[str, Any] = {**_CONFIG, "memory_limit": "512MB", "threads": threads, "temp_directory": ""}
        with self._reporting():
            self._connection: DuckDBPyConnection = duckdb.connect(config=config)
            allowed = ", ".join({_text(str(folder)): 0, _quoted(folder): 0})
            for setting in (
                "TimeZone = 'UTC'",
                "parquet_metadata_cache = true",
                "enable_external_file_cache = false",  # the system has one
                f"allowed_directories = [{allowed}]",
                "enable_external_access = false",
                "lock_configuration = true",
            ):
                self._connection.execute(f"SET {setting}")

    def rows(self, sql: str, values: Sequence[Value]) -> list[tuple[Any, ...]]:
        """The rows of a query over `read_parquet(?)`, which binds what `named` returns."""
        with self._cursor() as cursor, self._reporting():
            return cursor.execute(sql, list(values)).fetchall()

    @staticmethod
    def named(files: Iterable[Path]) -> list[str]:
        """Files to be read, in this order. In a query, `file_index` is a file's index."""
        return [_pattern(path) for path in files]

    def row_groups(self, files: Sequence[Path]) -> list[RowGroup]:
        """The row groups of the files, in their order, from what the files say of themselves."""
        index = {str(path): at for at, path in enumerate(files)}
        sql = (
            "SELECT file_name, any_value(row_group_num_rows),"
            " min(epoch_us(TRY_CAST(stats_min_value AS TIMESTAMPTZ))) FILTER (path_in_schema = 'created_at'),"
            " max(epoch_us(TRY_CAST(stats_max_value AS TIMESTAMPTZ))) FILTER (path_in_schema = 'created_at'),"
            " count(*) FILTER (path_in_schema = 'unreadable' AND stats_null_count IS DISTINCT FROM num_values)"
            " FROM parquet_metadata(?) WHERE path_in_schema IN ('created_at', 'unreadable')"
            " GROUP BY file_name, row_group_id ORDER BY file_name, row_group_id"
        )
        with self._cursor() as cursor, self._reporting():
            found = cursor.execute(sql, [self.named(files)]).fetchall()
        return sorted((RowGroup(index[name], *rest) for name, *rest in found), key=lambda group: group.file)

    def count(self, part: Path) -> int:
        """The number of rows of a part."""
        return int(self.rows("SELECT count(*) FROM read_parquet(?)", [self.named([part])])[0][0])

    def can_read(self, part: Path) -> bool:
        """Whether every value of a part can be read."""
        sql = "SELECT max(hash(COLUMNS(*))) FROM read_parquet(?)"
        with self._cursor() as cursor, self._reporting():
            try:
                cursor.execute(sql, [self.named([part])]).fetchall()
            except self._not_of_file:
                raise
            except self._error:
                return False
        return True

    def values(self, part: Path, column: str) -> counts.Values:
        """How many rows of a part have each value of a column that is counted, as text."""
        with self._cursor() as cursor, self._reporting():
            return _values(cursor, part, column)

    def may_have(self, named: list[str], column: str, value: str) -> list[str]:
        """Of what `named` returned, in its order, the files that may have a value, as their Bloom filters say."""
        index = {path: at for at, path in enumerate(named)}
        sql = (
            "SELECT DISTINCT file_name FROM parquet_bloom_probe(?, ?, ?)"
            " WHERE bloom_filter_excludes IS DISTINCT FROM true"
        )
        found = self.rows(sql, [named, column, value]) if named else []
        return sorted((_pattern(Path(name)) for (name,) in found), key=index.__getitem__)

    def interrupt(self) -> None:
        """Let what is under way in other threads end with an `ArchiveError`."""
        with self._lock:
            for cursor in self._running:
                cursor.interrupt()

    def close(self) -> None:
        """Interrupt what is under way, and release everything."""
        with self._changed:
            self._closed = True
            while self._running:
                for cursor in self._running:
                    cursor.interrupt()
                self._changed.wait(0.05)  # one that has just begun may not have noticed
        self._connection.close()

    @contextmanager
    def _cursor(self) -> Iterator[DuckDBPyConnection]:
        with self._lock:
            if self._closed:
                raise ArchiveError("The archive was closed.")
            cursor = self._connection.cursor()
            self._running.add(cursor)
        try:
            yield cursor
        finally:
            with self._changed:
                self._running.discard(cursor)
                cursor.close()
                self._changed.notify_all()

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            raise ArchiveError(f"DuckDB can't read the archive: {safe(str(error), 500)}") from error


_SELECTED = {"created_at": "make_timestamp(us)::TIMESTAMPTZ AS created_at", "raw": "from_base64(raw) AS raw"}


def _values(connection: DuckDBPyConnection, part: Path, column: str, most: int | None = None) -> counts.Values:
    """How many rows of a part have each value of a column; of more than `most` values, so many."""
    limit = "" if most is None else f"LIMIT {most}"
    sql = (
        f"SELECT {column}::VARCHAR AS value, count(*) FROM {_parquet([part])} WHERE value IS NOT NULL"  # noqa: S608  # own names only
        f" GROUP BY value {limit}"
    )
    return dict(sorted(connection.execute(sql).fetchall()))


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
    return _text(_pattern(path))


def _pattern(path: Path) -> str:
    """A pattern for this path alone."""
    return re.sub(r"([\[*?])", r"[\1]", str(path))


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
