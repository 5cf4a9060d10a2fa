"""The count of files, functions and moves on a journey through the package."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.effort import THOROUGH
from tests.paths import JOURNEYS, PACKAGE, Figures, Tracer, most, once

FIRST = """
import asyncio, threading
from contextlib import ExitStack

def begin(other):
    return [other.twice(n) for n in range(3)]

def through_a_library(other):
    with ExitStack() as stack:
        stack.callback(other.twice, 1)

def in_a_thread(other):
    thread = threading.Thread(target=other.twice, args=(1,))
    thread.start()
    thread.join()

async def wait(other, gate):
    await other.waited(gate)
    return within(lambda: other.twice(2))

def within(deed):
    return deed()
"""
SECOND = """
def twice(n):
    class Inside:
        pass
    return half(n) * 2

def half(n):
    return n / 2

async def waited(gate):
    await gate.wait()
    half(1)
"""


@pytest.fixture
def made(tmp_path: Path) -> tuple[Tracer, Any, Any]:
    """A tracer of a folder with two modules."""
    return Tracer(tmp_path), _module(tmp_path, "first", FIRST), _module(tmp_path, "second", SECOND)


def _module(folder: Path, name: str, text: str) -> ModuleType:
    path = folder / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names(figures: Figures) -> set[str]:
    return {function.rpartition(":")[0] for function in figures.functions}


@pytest.fixture
def running(made: tuple[Tracer, Any, Any]) -> Iterator[tuple[Tracer, Any, Any]]:
    with made[0].installed():
        made[0].running = True
        yield made


def test_functions_and_the_calls_from_file_to_file_are_counted(running: tuple[Tracer, Any, Any]) -> None:
    tracer, first, second = running
    first.begin(second)
    figures = tracer.figures()
    assert figures.files == {"first.py", "second.py"}
    assert names(figures) == {"first.py:begin", "second.py:twice", "second.py:half"}
    assert figures.moves == {("first.py", "second.py")}
    assert figures.calls == 3


def test_a_call_through_a_library_is_one(running: tuple[Tracer, Any, Any]) -> None:
    tracer, first, second = running
    first.through_a_library(second)
    assert tracer.figures().calls == 1


def test_a_thread_has_no_caller_but_its_functions_count(running: tuple[Tracer, Any, Any]) -> None:
    tracer, first, second = running
    first.in_a_thread(second)
    assert names(tracer.figures()) == {"first.py:in_a_thread", "second.py:twice", "second.py:half"}
    assert tracer.figures().moves == set()


def test_nothing_outside_of_the_journey_counts(made: tuple[Tracer, Any, Any]) -> None:
    tracer, first, second = made
    with tracer.installed():
        first.begin(second)
        tracer.running = True
        second.half(1)
        tracer.running = False
        first.begin(second)
    first.begin(second)
    assert names(tracer.figures()) == {"second.py:half"}
    assert tracer.figures().calls == 0


def test_a_coroutine_that_is_resumed_runs_and_makes_no_call(made: tuple[Tracer, Any, Any]) -> None:
    tracer, first, second = made

    async def journey() -> None:
        gate = asyncio.Event()
        task = asyncio.create_task(first.wait(second, gate))
        await asyncio.sleep(0)
        tracer.running = True
        gate.set()
        await task
        tracer.running = False

    with tracer.installed():
        asyncio.run(journey())
    figures = tracer.figures()
    assert names(figures) == {
        "first.py:wait",
        "first.py:wait.<locals>.<lambda>",
        "first.py:within",
        "second.py:waited",
        "second.py:half",
        "second.py:twice",
    }
    assert figures.calls == 1  # of `twice`, by the lambda
    assert figures.moves == {("first.py", "second.py")}


def test_functions_that_look_alike_in_two_files_are_two(tmp_path: Path) -> None:
    tracer = Tracer(tmp_path)
    alike: list[Any] = [_module(tmp_path, name, "def same():\n    pass\n") for name in ("one", "other")]
    with tracer.installed():
        tracer.running = True
        for module in alike:
            module.same()
    assert names(tracer.figures()) == {"one.py:same", "other.py:same"}


def test_what_most_rounds_have_counts() -> None:
    usual = Figures(frozenset({"a.py", "b.py"}), frozenset({"a.py:f:1"}), frozenset({("a.py", "b.py")}), 3)
    odd = Figures(frozenset({"a.py", "c.py"}), frozenset({"c.py:g:1"}), frozenset({("c.py", "a.py")}), 9)
    assert most([odd, usual, usual]) == usual


@pytest.mark.parametrize("name", JOURNEYS if THOROUGH else [*JOURNEYS][-1:])
def test_a_journey_through_the_app(name: str) -> None:
    figures = once(name)
    assert all((PACKAGE / file).is_file() for file in figures.files)
    assert {function.partition(":")[0] for function in figures.functions} == figures.files
    assert {file for move in figures.moves for file in move} <= figures.files
    assert figures.calls >= len(figures.moves) > 0
