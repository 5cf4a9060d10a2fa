"""SQL over the working set is written in `store/` alone; `query/sql.py` makes conditions from a query."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import auditlog_tui

ROOT = Path(auditlog_tui.__file__).parent
OTHERS = ("query/sql.py", "session/marks.py", "offline/", "evidence/saved_index.py", "archive/")
"""Conditions from a query, and data of their own: the marks, the log answered here, a saved log, Parquet files."""

STATEMENT = re.compile(
    r"\b(?:SELECT .* FROM|FROM \w+|WHERE|JOIN|GROUP BY|ORDER BY|INSERT OR|INSERT INTO|DELETE FROM|UPDATE \w+ SET"
    r"|ATTACH|DETACH|PRAGMA|CREATE (?:TABLE|INDEX)|IS NULL|IS NOT NULL)\b|\b[ep]\.[a-z_]+ ",
    re.DOTALL,
)
WORD = re.compile(
    r"SELECT|FROM|WHERE|JOIN|BY|INSERT|DELETE|UPDATE|ATTACH|DETACH|PRAGMA|CREATE|NULL"
    r"|\b[ep]\.|\.(?:read|writing|connection)\b"
)
STORES = ("store", "_store", "entries")
ITS_OWN = ("read", "writing", "connection")


def modules() -> list[Path]:
    found = [path for path in ROOT.rglob("*.py") if path.parent != ROOT / "store"]
    return [path for path in found if not path.relative_to(ROOT).as_posix().startswith(OTHERS)]


def may_have_some(source: str) -> bool:
    """Whether a module has a word without which it has no statement; this is told sooner than by parsing it."""
    return WORD.search(source) is not None


def docstrings(tree: ast.AST) -> set[ast.expr]:
    """Every string that is a statement of its own."""
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def statements(source: str) -> Iterator[str]:
    """Texts that look like SQL, and calls that hand SQL to a store."""
    tree = ast.parse(source)
    prose = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose:
            if STATEMENT.search(node.value):
                yield node.value
        elif isinstance(node, ast.Attribute) and node.attr in ITS_OWN:
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if name in STORES:
                yield ast.unparse(node)


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_other_room_writes_sql(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not may_have_some(source) or list(statements(source)) == []


@pytest.mark.parametrize(
    "source",
    [
        'store.read("SELECT 1", [])',
        'view.log.store.read(sql, [])',
        'self._store.connection.execute(sql)',
        'sql = f"SELECT {columns} FROM entry"',
        'matching(run, ("e.versions > 0", []))',
        'matching(run, ("e.created_us IS NULL", []))',
        'sql = " FROM place p JOIN entry e ON e.n = p.shown"',
        'sql = "DELETE FROM place"',
    ],
)  # fmt: skip
def test_it_would_be_found(source: str) -> None:
    assert may_have_some(source)
    assert list(statements(source))


def test_the_store_itself_is_full_of_it() -> None:
    for name in ("entries.py", "scans.py", "sorting.py"):
        assert list(statements((ROOT / "store" / name).read_text(encoding="utf-8")))
