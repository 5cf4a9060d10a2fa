"""What holds for every test: how much it tries, what is traced of it, and that it closes what it opened.

Properties are tried as often as a change can wait for; `BRIEF=1` in the environment makes them try less, and
`THOROUGH=1` as often as each of them says. `BRIEF=1` also takes one argument of each test only.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pkgutil
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache, wraps
from importlib import import_module
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from coverage import Coverage
from hypothesis import settings
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

from tests import opened
from tests.effort import BRIEF, EXAMPLES, HANGS_S, THOROUGH

# A busy machine must not fail a test. Each takes over what is loaded when its module is imported.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

YOUNG = 400_000
"""Objects made between two collections, by thirty apps. With 60,000, an eighth of an app's time is collecting."""

TRACED = (
    "unit",
    "real/test_early_request.py",
    "real/test_demo_server.py",
    "real/test_files.py",
    "real/test_wire_faults.py",
)
"""The tests of the core, which alone are traced where coverage is measured. Those of the screen and of whole programs
reach little more of it, and tracing makes them take more than twice as long.
"""

UNTRACED = (
    "unit/ui",
    "unit/store/test_only_here.py",
    "unit/test_animation.py",
    "unit/test_facts_once.py",
    "unit/test_import_hygiene.py",
    "unit/test_paths.py",
    "unit/test_pythons.py",
    "unit/test_structure.py",
)
"""Those among them that read the source, run other programs or are of the screen."""

TRACED_ARGUMENTS = TRACED_EXAMPLES = 3
"""So many of one test's arguments are traced, and of a property's examples: it takes as long again, and the others
reach little more.
"""

LONGEST_NAME = 60
"""Characters of one argument in the name of a test. The name goes into the environment and through the report."""

LONGEST_S = 3 * HANGS_S
"""Seconds after which a test counts as hung, on a machine that does much else."""

BRIEF_ARGUMENTS = 1
"""So many of a test's arguments are tried in a brief run."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Trace how the core's modules are imported, and no more of the collecting, which would take twice as long."""
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    if Coverage.current() is not None:
        for name in _core_modules():
            import_module(name)
        _stop_tracing()
    _share_compiling(session.config.args)


def _share_compiling(places: Iterable[str]) -> None:
    """Begin elsewhere than the other processes of these tests: what one of them has compiled, the others load.

    In a new clone, it takes each of them a quarter of a minute to compile all.
    """
    number, count = os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:], os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    files = sorted(path for place in places for path in Path(place).rglob("test_*.py"))
    own = len(files) * int(number) // int(count)
    for path in files[own:] if own else ():
        with suppress(Exception):  # which collecting tells
            import_module(".".join(path.resolve().relative_to(Path(__file__).parents[1]).with_suffix("").parts))


def _core_modules() -> Iterator[str]:
    import auditlog_tui

    for module in pkgutil.walk_packages(auditlog_tui.__path__, "auditlog_tui."):
        if not module.name.startswith("auditlog_tui.ui") and not module.name.endswith("__main__"):
            yield module.name


def pytest_collection_finish() -> None:
    """Spare the garbage collector all that was imported and collected: it stays to the end."""
    gc.collect()
    gc.freeze()


def pytest_make_parametrize_id(val: object) -> str | None:
    if isinstance(val, str | bytes) and len(val) > LONGEST_NAME:
        return f"{val[: LONGEST_NAME // 2]!a}, {len(val)} in all"
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    arguments: Counter[str] = Counter()
    left_out: list[pytest.Item] = []
    for item in items:
        _limit(item)
        if iscoroutinefunction(test := getattr(item, "obj", None)):
            item.obj = _ended(test)  # type: ignore[attr-defined]  # of a function
        name = item.nodeid.partition("[")[0]
        arguments[name] += 1
        if BRIEF and arguments[name] > BRIEF_ARGUMENTS:
            left_out.append(item)
        if arguments[name] > TRACED_ARGUMENTS or not _is_in(TRACED, item.path) or _is_in(UNTRACED, item.path):
            item.add_marker("untraced")
        elif (property_ := getattr(getattr(item, "obj", None), "hypothesis", None)) is not None:
            property_.inner_test = _first_traced(property_.inner_test)
    if left_out:
        without = set(left_out)
        items[:] = [item for item in items if item not in without]
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Trace it, or not, where coverage is measured; `no_cover` of pytest-cov does nothing in the workers of xdist."""
    if item.get_closest_marker("untraced") is None:
        while _stopped:
            _stopped.pop().start()
    else:
        _stop_tracing()


def _ended(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """A test that fails where it waits for what never comes: nothing else would end the run."""

    @wraps(test)
    async def ended(*args: Any, **more: Any) -> None:
        async with asyncio.timeout(None if THOROUGH else LONGEST_S):
            await test(*args, **more)

    return ended


def _first_traced(example: Callable[..., Any]) -> Callable[..., Any]:
    tried = 0

    @wraps(example)
    def counted(*args: Any, **more: Any) -> Any:
        nonlocal tried
        tried += 1
        if tried > TRACED_EXAMPLES:
            _stop_tracing()
        return example(*args, **more)

    return counted


def _stop_tracing() -> None:
    if (running := Coverage.current()) is not None:
        running.stop()
        _stopped.append(running)


_stopped: list[Coverage] = []
"""The measuring that waits for a test that is traced."""


def _limit(item: pytest.Item) -> None:
    """Try a property no more often than this run does."""
    test = getattr(item, "obj", None)
    own = getattr(test, "_hypothesis_internal_use_settings", None)
    if EXAMPLES is not None and test is not None and own is not None and own.max_examples > EXAMPLES:
        getattr(test, "__func__", test)._hypothesis_internal_use_settings = settings(own, max_examples=EXAMPLES)


@cache
def _is_in(places: tuple[str, ...], path: Path) -> bool:
    return any(path.is_relative_to(Path(__file__).parent / place) for place in places)


@pytest.fixture(scope="session", autouse=True)
def _connections_are_watched() -> Iterator[None]:
    with opened.watched():
        yield


@pytest.fixture(scope="session", autouse=True)
def _nothing_waits_for_the_disk() -> Iterator[None]:
    """Leave to the system when it writes, where the tests write: they end no machine."""
    with patch.object(os, "fsync", os.fstat):  # which finds a closed file as well
        yield


@pytest.fixture(scope="session", autouse=True)
def _style_texts_are_parsed_once() -> Iterator[None]:
    """Let all apps of this process share what their style texts were parsed to, a tenth of an app's start."""
    parse = Stylesheet._parse_rules
    parsed: dict[tuple[object, ...], list[RuleSet]] = {}

    def parse_once(sheet: Stylesheet, *args: Any, **more: Any) -> list[RuleSet]:
        key = (args, *more.items(), *sheet._variables.items())
        if key not in parsed:
            parsed[key] = parse(sheet, *args, **more)
        return parsed[key]

    with (
        patch.object(Stylesheet, "_parse_rules", parse_once),
        patch.object(RuleSet, "__hash__", object.__hash__),  # the same, and not in Python: 20,000 for each app
    ):
        yield


@pytest.fixture(autouse=True)
def _what_is_opened_is_closed(_connections_are_watched: None) -> Iterator[None]:
    opened.share()  # what wider fixtures opened
    yield
    left = opened.close()
    assert not left, f"nobody closed what was opened here: {'; '.join(left)}"
