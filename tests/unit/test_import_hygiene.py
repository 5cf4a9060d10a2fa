"""What importing a module brings along, seen from a fresh interpreter."""

import subprocess
import sys

import pytest

CORE = (
    "errors", "rawjson", "models", "query", "api", "wire", "retry", "store", "order", "obedience", "walk", "feed",
    "log", "view", "browser", "output.present",
)  # fmt: skip


def imported_by(module: str) -> set[str]:
    """The top-level packages that are loaded once the module is."""
    code = f"import {module}, sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(found.stdout.split())


@pytest.mark.parametrize("module", CORE)
def test_the_core_knows_no_screen(module: str) -> None:
    packages = imported_by(f"auditlog_tui.{module}")
    assert "auditlog_tui" in packages
    assert not packages & {"textual", "rich"}


def test_the_screen_does_not_wait_for_the_wire() -> None:
    packages = imported_by("auditlog_tui.ui.app")
    assert "textual" in packages
    assert not packages & {"httpx", "pydantic"}
