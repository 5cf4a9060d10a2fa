"""What importing a module brings along, seen from a fresh interpreter."""

import subprocess
import sys

import pytest

CORE = (
    "errors", "text.present", "entries.raw_json", "entries.models", "settings.options", "api.client", "query",
    "store.entries", "store.scans", "log.live", "log.view", "analysis.search", "evidence.formats",
    "session.navigator",
)  # fmt: skip


def imported_by(module: str, *, without: tuple[str, ...] = ()) -> set[str]:
    """The top-level packages that are loaded once the module is, where the ones named can't be."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({without!r})); import {module};"
        " print(*{name.partition('.')[0] for name, found in sys.modules.items() if found})"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 0, found.stderr
    return set(found.stdout.split())


@pytest.mark.parametrize("module", CORE)
def test_the_core_knows_no_screen(module: str) -> None:
    # httpx imports rich for a command line of its own, where it finds it.
    assert "auditlog_tui" in imported_by(f"auditlog_tui.{module}", without=("textual", "rich"))


def test_the_screen_does_not_wait_for_the_wire() -> None:
    packages = imported_by("auditlog_tui.ui.app")
    assert "textual" in packages
    assert not packages & {"httpx", "pydantic"}


def test_the_commands_wait_for_nothing_that_only_the_browser_needs() -> None:
    code = "import sys, auditlog_tui.headless.run; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    modules = set(found.stdout.split())
    assert "auditlog_tui.session.typed_filter" in modules
    assert not modules & {
        "auditlog_tui.session.navigator",
        "auditlog_tui.session.marks",
        "auditlog_tui.demo",
        "textual",
    }
