"""What several rooms need stands in one module."""

import ast
from functools import cache
from pathlib import Path

import pytest

import auditlog_tui

PROGRAM = Path(auditlog_tui.__file__).parent
FACTS = {
    "/v1/audit_logs": "entries/contract.py",
    "NIRVANA_LABS_API_KEY": "entries/contract.py",
    "NIRVANA_LABS_BASE_URL": "entries/contract.py",
    "https://api.nirvanalabs.io": "settings/connection.py",
    "[!-~]+": "settings/connection.py",
}


@cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def constants(path: Path) -> list[str]:
    """Every text in a module that is no docstring, the parts of f-strings among them."""
    docstrings = {id(node.value) for node in nodes(path) if isinstance(node, ast.Expr)}
    texts = [node for node in nodes(path) if isinstance(node, ast.Constant) and id(node) not in docstrings]
    return [node.value for node in texts if isinstance(node.value, str)]


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_stands_in_one_module(fact: str) -> None:
    found = [path for path in sorted(PROGRAM.rglob("*.py")) for text in constants(path) if fact in text]
    assert [path.relative_to(PROGRAM).as_posix() for path in found] == [FACTS[fact]]


@pytest.mark.parametrize("step", ["filter_in", "expand", "freeze", "depends_on_now"])
def test_one_module_makes_a_query_of_what_was_typed(step: str) -> None:
    users = set()
    for path in PROGRAM.rglob("*.py"):
        imports = [node for node in nodes(path) if isinstance(node, ast.ImportFrom)]
        if path.parent.name != "query" and any(name.name == step for node in imports for name in node.names):
            users.add(path.relative_to(PROGRAM).as_posix())
    assert users == {"session/typed_filter.py"}
