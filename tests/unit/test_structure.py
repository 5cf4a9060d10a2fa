"""How large functions and classes may grow. A class counts with all that it inherits from this project."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

import auditlog_tui

LONGEST_FUNCTION = 50
"""Lines."""

MOST_METHODS = 45
MOST_BASES = 2


def modules() -> Iterator[str]:
    for found in pkgutil.walk_packages(auditlog_tui.__path__, "auditlog_tui."):
        if not found.name.endswith("__main__"):
            yield found.name


MODULES = sorted(modules())


def classes(module: ModuleType) -> list[type]:
    return [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]


def of_this_project(kinds: Iterator[type] | tuple[type, ...]) -> list[type]:
    return [kind for kind in kinds if kind.__module__.startswith("auditlog_tui.")]


def methods(kind: type) -> set[str]:
    """Without those that `dataclass` adds: Python 3.13 adds `__replace__`."""
    found = {name: value for each in of_this_project(kind.__mro__) for name, value in vars(each).items()}
    return {
        name
        for name, value in found.items()
        if (inspect.isfunction(value) and value.__module__ != "dataclasses") or isinstance(value, property)
    }


@pytest.mark.parametrize("name", MODULES)
def test_functions_are_short_and_classes_are_few_methods_of_few_bases(name: str) -> None:
    module = importlib.import_module(name)
    tree = ast.parse(inspect.getsource(module))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    sizes = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    assert {name: lines for name, lines in sizes.items() if lines > LONGEST_FUNCTION} == {}
    for kind in classes(module):
        assert len(methods(kind)) <= MOST_METHODS, f"{kind.__name__} has {len(methods(kind))} methods"
        assert len(of_this_project(kind.__bases__)) <= MOST_BASES, kind
