"""Textual's private names: used in `ui/patches` alone, and each as it is in the Textual that is installed."""

from __future__ import annotations

import ast
import asyncio
import gc
import importlib
import inspect
import pkgutil
import re
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest
import textual
from textual import _compositor, _keyboard_protocol
from textual._compositor import ChopsUpdate, Compositor
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.filter import LineFilter
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, OptionList

import auditlog_tui.ui
from auditlog_tui.ui import patches
from auditlog_tui.ui.patches.workers import start

UI = Path(auditlog_tui.ui.__file__).parent
PATCHES = UI / "patches"
TEXTUAL = Path(textual.__file__).parent
PROJECT = tomllib.loads((UI.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))

METHODS: dict[tuple[type, str], str] = {
    (App, "_check_resize"): "()",
    (App, "_fatal_error"): "()",
    (App, "_handle_exception"): "(error: Exception)",
    (App, "_shutdown"): "async ()",
    (App, "on_event"): "async (event: events.Event)",
    (ChopsUpdate, "__init__"): (
        "(chops: Sequence[Mapping[int, Strip | None]], spans: list[tuple[int, int, int]], chop_ends: list[list[int]])"
    ),
    (ChopsUpdate, "render_segments"): "(console: Console) -> str",
    (Compositor, "__init__"): "()",
    (Compositor, "_get_renders"): "(crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]",
    (Compositor, "render_update"): (
        "(full: bool = False, screen_stack: list[Screen] | None = None, simplify: bool = False)"
        " -> RenderableType | None"
    ),
    (Driver, "process_message"): "(message: messages.Message)",
    (Input, "_position_to_cell"): "(position: int) -> int",
    (LineFilter, "apply"): "(segments: list[Segment], background: Color) -> list[Segment]",
    (LinuxDriver, "__init__"): (
        "(app: App, *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None)"
    ),
    (LinuxDriver, "_get_terminal_size"): "() -> tuple[int, int]",
    (LinuxDriver, "_query_in_band_window_resize"): "()",
    (LinuxDriver, "_run_input_thread"): "()",
    (LinuxDriver, "run_input_thread"): "()",
    (MessagePump, "_close_messages_no_wait"): "()",
    (MessagePump, "_dispatch_message"): "async (message: Message)",
    (OptionList, "_move_page"): "(direction: _widget_navigation.Direction)",
    (OptionList, "_update_lines"): "()",
    (Widget, "_exchange_repaint_regions"): "() -> Collection[Region]",
    (XTermParser, "__init__"): "(debug: bool = False)",
    (XTermParser, "_sequence_to_key_events"): "(sequence: str, alt: bool = False) -> Iterable[events.Key]",
    (XTermParser, "feed"): "(data: str) -> Iterable[Message]",
    (XTermParser, "parse_mouse_code"): "(code: str) -> Message | None",
    (XTermParser, "tick"): "() -> Iterable[T]",
}
"""Methods that are overridden or called, without `self` and without a result of `None`."""

PROPERTIES: dict[tuple[type, str], str] = {
    (Compositor, "visible_widgets"): "dict[Widget, tuple[Region, Region]]",
    (Input, "_value"): "Text",
    (MessagePump, "message_queue_size"): "int",
    (OptionList, "_index_to_line"): "dict[int, int]",
    (OptionList, "_lines"): "Sequence[tuple[int, int]]",
}

ATTRIBUTES: dict[tuple[type, str], str] = {
    (App, "_clipboard"): "str = ''",
    (App, "_driver"): "Driver | None = None",
    (App, "_exception"): "Exception | None = None",
    (App, "_exit"): " = False",
    (App, "_filters"): "list[LineFilter] = [ANSIToTruecolor(ansi_theme, enabled=not self.native_ansi_color)]",
    (App, "_loop"): "asyncio.AbstractEventLoop | None = None",
    (App, "_resize_event"): "events.Resize | None = None",
    (ChopsUpdate, "chop_ends"): " = chop_ends",
    (ChopsUpdate, "chops"): " = chops",
    (ChopsUpdate, "spans"): " = spans",
    (Compositor, "_dirty_regions"): "set[Region] = set()",
    (LinuxDriver, "_file"): " = sys.__stderr__",
    (LinuxDriver, "_writer_thread"): "WriterThread | None = None",
    (LinuxDriver, "attrs_before"): "list[Any] | None = None",
    (LinuxDriver, "exit_event"): " = Event()",
    (LinuxDriver, "fileno"): " = sys.__stdin__.fileno()",
    (MessagePump, "_closing"): "bool = False",
    (Screen, "_compositor"): " = Compositor()",
    (Timer, "_skip"): " = skip",
    (XTermParser, "mouse_pixels"): " = False",
}
"""Attributes by the type and value that `__init__` gives them."""

KNOWN = METHODS | PROPERTIES | ATTRIBUTES


def named(place: tuple[type, str]) -> str:
    return f"{place[0].__name__}.{place[1]}"


# -- Textual as it is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", METHODS, ids=named)
def test_a_method_has_the_parameters_it_was_patched_with(place: tuple[type, str]) -> None:
    assert signature(inspect.getattr_static(*place)) == METHODS[place]


@pytest.mark.parametrize("place", PROPERTIES, ids=named)
def test_a_property_has_the_type_it_was_patched_with(place: tuple[type, str]) -> None:
    found = inspect.getattr_static(*place)
    assert isinstance(found, property)
    assert found.fget is not None
    assert str(inspect.signature(found.fget).return_annotation) == PROPERTIES[place]


@pytest.mark.parametrize("place", ATTRIBUTES, ids=named)
def test_an_attribute_is_set_as_it_was_when_it_was_patched(place: tuple[type, str]) -> None:
    assert initial_values(place[0]).get(place[1]) == ATTRIBUTES[place]


USED = [place for place in KNOWN if place != (MessagePump, "message_queue_size")]


@pytest.mark.parametrize("place", USED, ids=named)
def test_textual_uses_what_is_patched(place: tuple[type, str]) -> None:
    """An override that Textual no longer calls would do nothing, silently."""
    assert place[1] in used_by_textual() or place[1] == "__init__"


def test_function_keys_are_listed_by_number_and_final_letter() -> None:
    assert _keyboard_protocol.FUNCTIONAL_KEYS["27u"] == "escape"
    assert _keyboard_protocol.FUNCTIONAL_KEYS["5~"] == "pageup"
    assert _keyboard_protocol.FUNCTIONAL_KEYS["1A"] == "up"


def test_textual_is_pinned_to_the_tested_minor_version() -> None:
    assert "textual>=8.2.8,<8.3" in PROJECT["project"]["dependencies"]
    assert (8, 2, 8) <= tuple(map(int, version("textual").split("."))) < (8, 3)


@pytest.mark.parametrize(
    "path", [path for path in PATCHES.glob("*.py") if path.stem != "__init__"], ids=lambda p: p.stem
)
def test_each_patch_tells_what_it_overrides_why_and_with_what_it_was_tested(path: Path) -> None:
    told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    labels = re.findall(r"^(Overrides|Why|Tested with|If Textual changes)\b", told, re.MULTILINE)
    assert labels == ["Overrides", "Why", "Tested with", "If Textual changes"]
    assert re.search(r"^Tested with Textual 8\.2\.\d+\.$", told, re.MULTILINE)
    module = importlib.import_module(f"{patches.__name__}.{path.stem}")
    used = private_uses(module.__name__) & {name for _, name in KNOWN}
    assert {name for name in used if name not in told} == set()


# -- this program --------------------------------------------------------------------------------------------------


def modules() -> list[str]:
    return [found.name for found in pkgutil.walk_packages(auditlog_tui.ui.__path__, "auditlog_tui.ui.")]


OUTSIDE = [name for name in modules() if not name.startswith(patches.__name__)]
INSIDE = [name for name in modules() if name.startswith(f"{patches.__name__}.")]


@pytest.mark.parametrize("name", OUTSIDE)
def test_private_names_of_textual_are_used_in_patches_alone(name: str) -> None:
    assert private_uses(name) | private_imports(name) == set()


@pytest.mark.parametrize("name", INSIDE)
def test_each_private_name_that_is_used_is_checked_here(name: str) -> None:
    assert private_uses(name) <= {name for _, name in KNOWN}
    assert private_imports(name) <= {_compositor.__name__, _keyboard_protocol.__name__, XTermParser.__module__}


def test_the_search_finds_every_kind_of_use() -> None:
    """Otherwise the tests above could not fail."""
    base = "auditlog_tui.ui.patches."
    assert {"_exit", "_closing", "_shutdown", "_dispatch_message"} <= private_uses(
        f"{base}app"
    )  # of `self`, in `def`
    assert private_uses(f"{base}error_guard") == {"_handle_exception"}  # of another object
    assert private_uses(f"{base}input_widget") == {"_value", "_position_to_cell"}
    assert private_imports(f"{base}scroll_region") == {"textual._compositor"}


def test_every_timer_that_calls_once_does_so_however_late_it_starts() -> None:
    """Textual's own doesn't, on a busy machine."""
    set_here = [
        found for file in UI.rglob("*.py") for found in re.findall(r"(\S*)\.set_timer\(", file.read_text("utf-8"))
    ]
    assert len(set_here) > 5
    assert [found for found in set_here if "certain(" not in found] == []


# -- background work -----------------------------------------------------------------------------------------------


async def test_work_that_is_replaced_before_it_began_was_never_made(recwarn: pytest.WarningsRecorder) -> None:
    done: list[str] = []

    def work(name: str) -> Callable[[], object]:
        async def note() -> None:
            done.append(name)

        return note

    app = App[None]()
    async with app.run_test():
        start(app, work("first"), "group")  # type: ignore[arg-type]  # a callable that returns a coroutine
        worker = start(app, work("second"), "group")  # type: ignore[arg-type]  # as above
        await asyncio.wait_for(worker.wait(), 30)
    gc.collect()
    assert done == ["second"]
    assert [each for each in recwarn if "never awaited" in str(each.message)] == []


# -- helpers -------------------------------------------------------------------------------------------------------


def signature(method: Callable[..., object]) -> str:
    """Parameters and result as the source has them, the same on every Python."""
    found = inspect.signature(method)
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty) for parameter in list(found.parameters.values())[1:]
    ]
    texts, star = [], False
    for bare, parameter in zip(parameters, list(found.parameters.values())[1:], strict=True):
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not star:
            texts.append("*")
            star = True
        default = "" if bare.default is bare.empty else f" = {bare.default!r}"
        texts.append(f"{bare.name}: {parameter.annotation}{default}")
    result = "" if found.return_annotation in ("None", None) else f" -> {found.return_annotation}"
    return f"{'async ' if inspect.iscoroutinefunction(method) else ''}({', '.join(texts)}){result}"


def initial_values(cls: type) -> dict[str, str]:
    """Attributes that the `__init__` of a class sets on `self`: their annotation and value."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls.__init__)))  # type: ignore[misc]  # of a class, not an instance
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Attribute) and node.value is not None:
            found[node.target.attr] = f"{ast.unparse(node.annotation)} = {ast.unparse(node.value)}"
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
            found.setdefault(node.targets[0].attr, f" = {ast.unparse(node.value)}")
    return found


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


@cache
def textual_trees() -> list[ast.Module]:
    return [ast.parse(path.read_text(encoding="utf-8")) for path in TEXTUAL.rglob("*.py")]


@cache
def used_by_textual() -> frozenset[str]:
    """Attributes that Textual reads or calls somewhere."""
    nodes = (node for tree in textual_trees() for node in ast.walk(tree))
    return frozenset(
        node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    )


@cache
def private_names_of_textual() -> frozenset[str]:
    """Private names that any class of Textual defines."""
    classes = (node for tree in textual_trees() for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return frozenset(name for node in classes for name in names_in(node))


def names_in(tree: ast.AST) -> Iterator[str]:
    """Private names that the code of a class defines, or sets on `self`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            names = [node.attr] if own else []
        elif isinstance(node, ast.ClassDef):  # no local variables, which stand deeper
            stored = (target for line in node.body for target in ast.iter_child_nodes(line))
            names = [name.id for name in stored if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)]
        else:
            continue
        yield from filter(is_private, names)


@cache
def private_names_of(base: type) -> frozenset[str]:
    return frozenset(names_in(ast.parse(textwrap.dedent(inspect.getsource(base))))) | frozenset(
        filter(is_private, vars(base))
    )


def private_uses(name: str) -> set[str]:
    """Textual's private names that a module uses: in its subclasses of Textual's classes, and of other objects."""
    module = importlib.import_module(name)
    tree = ast.parse(inspect.getsource(module))
    found = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and not is_own(node.value, vars(module))
    } & private_names_of_textual()
    found |= {text for text in looked_up(tree) if is_private(text)}
    for node in ast.walk(tree):
        cls = getattr(module, node.name, None) if isinstance(node, ast.ClassDef) else None
        if isinstance(cls, type):
            bases = [base for base in cls.__mro__ if base.__module__.partition(".")[0] == "textual"]
            theirs = {each for base in bases for each in private_names_of(base)}
            uses = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
            found |= theirs & (uses | set(names_in(node)))
    return found


def is_own(receiver: ast.expr, namespace: dict[str, object]) -> bool:
    """Whether an attribute is of `self`, `cls`, `super()` or a module."""
    if isinstance(receiver, ast.Call):
        return isinstance(receiver.func, ast.Name) and receiver.func.id == "super"
    if not isinstance(receiver, ast.Name):
        return False
    return receiver.id in ("self", "cls") or inspect.ismodule(namespace.get(receiver.id))


def looked_up(tree: ast.AST) -> Iterator[str]:
    """Names that `getattr`, `setattr` and `hasattr` are given."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("attr"):
            yield from (str(each.value) for each in node.args[1:2] if isinstance(each, ast.Constant))


def private_imports(name: str) -> set[str]:
    """Private modules and names that a module imports from Textual."""
    found = set()
    for node in ast.walk(ast.parse(inspect.getsource(importlib.import_module(name)))):
        names = [each.name for each in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            source = node.module or ""
            hidden = any(map(is_private, source.split(".")))
            names = [source] if hidden else [f"{source}.{each}" for each in names if is_private(each)]
        found |= {each for each in names if each.startswith("textual.") and "._" in each}
    return found
