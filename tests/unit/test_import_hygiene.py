"""Which packages an import loads, checked in a fresh interpreter."""

import pkgutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import auditlog_tui

ABSENT = ("textual", "rich")


def core_rooms() -> dict[str, list[str]]:
    """The modules of every room except `ui`, by room; a module at the top is a room of its own."""
    rooms: defaultdict[str, list[str]] = defaultdict(list)
    for path in Path(auditlog_tui.__file__).parent.rglob("*.py"):
        parts = path.relative_to(Path(auditlog_tui.__file__).parent).with_suffix("").parts
        room = parts[0]
        if room != "ui":
            name = ".".join(("auditlog_tui", *parts))
            rooms[room].append(name.removesuffix(".__init__"))
    return rooms


def imported_by(*modules: str, without: tuple[str, ...] = ()) -> set[str]:
    """The top-level packages that importing the modules loads; importing one of `without` fails."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({without!r})); import {', '.join(modules)};"
        " print(*{name.partition('.')[0] for name, found in sys.modules.items() if found})"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 0, found.stderr
    return set(found.stdout.split())


def test_the_rooms_are_those_of_the_package() -> None:
    found = {module.name for module in pkgutil.iter_modules(auditlog_tui.__path__)} | {"__init__"}
    assert {*core_rooms(), "ui"} == found
    assert len(core_rooms()["query"]) > 10


def test_the_core_does_not_load_the_screen() -> None:
    modules = [module for room in core_rooms().values() for module in room]
    # httpx imports rich for its own command line if rich is installed, so rich is made absent instead of looked for.
    assert "auditlog_tui" in imported_by(*modules, without=ABSENT)


def test_the_filter_language_loads_no_models_no_http_and_no_screen() -> None:
    assert not imported_by(*core_rooms()["query"]) & {"pydantic", "httpx", "textual", "rich"}


def test_the_screen_loads_neither_http_nor_models() -> None:
    packages = imported_by("auditlog_tui.ui.app")
    assert "textual" in packages
    assert not packages & {"httpx", "pydantic"}


def test_the_first_rows_wait_for_neither_pydantic_nor_httpx() -> None:
    loaded = imported_by("auditlog_tui.session.navigator", "auditlog_tui.api.client", "auditlog_tui.headless.run")
    assert "msgspec" in loaded
    assert not loaded & {"pydantic", "httpx"}


def test_httpx_and_pydantic_are_loaded_once_the_browser_is_open() -> None:
    code = (
        "import sys; from auditlog_tui.session import opening; from auditlog_tui.settings.options import Settings;"
        " opening.LATER_S = 0; session = opening.Session(Settings()); session._early = object();"
        " session.prepare(); print(*{'httpx', 'pydantic'} & {*sys.modules});"
        " session.open(lambda _: None); session._later.join(60); print(*{'httpx', 'pydantic'} - {*sys.modules})"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert found.stdout == "\n\n", found.stderr


def test_what_is_loaded_later_is_not_visited_by_the_collector() -> None:
    code = (
        "import gc; from auditlog_tui import runtime; runtime.prepare();"
        " from auditlog_tui.session import opening; runtime.freeze_startup_objects(); opening._import_later();"
        " print(len(gc.get_objects()))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert int(found.stdout) < 1_000


def modules_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded once it has run this code."""
    code = f"import sys; {code}; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(found.stdout.split())


def test_the_first_frame_waits_for_nothing_that_it_does_not_show() -> None:
    modules = modules_after("import auditlog_tui.__main__, auditlog_tui.session.opening, auditlog_tui.ui.app")
    assert "auditlog_tui.ui.panes.bars" in modules
    late = {"json", "tomllib", "tomlkit", "hashlib", "http.client", "email", "pyperclip", "regex", "maxminddb"}
    assert not modules & late
    dialogs = {module for module in modules if module.startswith("auditlog_tui.ui.dialogs.")}
    assert dialogs == {"auditlog_tui.ui.dialogs.dialog"}


def test_the_first_rows_wait_for_nothing_that_only_a_case_or_a_test_of_the_server_needs() -> None:
    modules = modules_after(
        "from auditlog_tui.session import opening; from auditlog_tui.settings.options import Settings;"
        " session = opening.Session(Settings()); session._early = object(); session.prepare();"
        " session.open(lambda _: None)"
    )
    assert "auditlog_tui.session.navigator" in modules
    assert not modules & {"auditlog_tui.session.case", "auditlog_tui.store.case", "secrets", "hmac"}


def test_files_with_locations_are_checked_and_shown_without_what_reads_them() -> None:
    modules = modules_after(
        "from auditlog_tui.analysis.locations import Locations, check; check([]); print(Locations([]).text('::1'))"
    )
    assert "maxminddb" not in modules
    modules = modules_after("from auditlog_tui.analysis.locations import Locations; Locations(['/no/file']).open()")
    assert "maxminddb" in modules


def test_the_early_request_waits_for_no_slow_import() -> None:
    modules = modules_after("import auditlog_tui.__main__, auditlog_tui.session.opening, auditlog_tui.api.early")
    assert not {module.partition(".")[0] for module in modules} & {
        "asyncio", "email", "http", "httpx", "pydantic", "rich", "textual", "truststore",
    }  # fmt: skip


def test_the_commands_wait_for_nothing_that_only_the_browser_needs() -> None:
    modules = modules_after("import auditlog_tui.headless.run")
    assert "auditlog_tui.session.typed_filter" in modules
    assert not modules & {
        "auditlog_tui.session.navigator",
        "auditlog_tui.session.marks",
        "auditlog_tui.demo",
        "textual",
    }


def test_duckdb_is_loaded_for_an_archive_alone() -> None:
    modules = [module for room in core_rooms().values() for module in room]
    assert "duckdb" not in imported_by(*modules, "auditlog_tui.ui.app")
    assert "duckdb" in modules_after("from auditlog_tui.archive.engine import Engine; Engine('/no/folder')")
