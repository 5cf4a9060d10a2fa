"""What importing a module brings along, seen from a fresh interpreter."""

import subprocess
import sys

CORE = (
    "errors", "rawjson", "models", "query", "api", "wire", "retry", "store", "order", "obedience", "walk", "feed",
    "log", "view", "browser", "output.present",
)  # fmt: skip


def imported_by(*modules: str, without: tuple[str, ...] = ()) -> set[str]:
    """The top-level packages that are loaded once the modules are, in their order, where those named can't be."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({without!r})); import {', '.join(modules)};"
        " print(*{name.partition('.')[0] for name, found in sys.modules.items() if found})"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 0, found.stderr
    return set(found.stdout.split())


def test_the_core_knows_no_screen() -> None:
    # httpx imports rich for a command line of its own, where it finds it.
    assert "auditlog_tui" in imported_by(*(f"auditlog_tui.{module}" for module in CORE), without=("textual", "rich"))


def test_the_screen_does_not_wait_for_the_wire() -> None:
    packages = imported_by("auditlog_tui.ui.app")
    assert "textual" in packages
    assert not packages & {"httpx", "pydantic"}
