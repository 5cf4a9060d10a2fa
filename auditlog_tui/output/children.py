"""The environment variables passed to child processes."""

from __future__ import annotations

from collections.abc import Mapping

# An allow list, because API keys, custom headers and proxy passwords have variables of many names (those of other
# programs too), and a clipboard program needs none of them.
_NAMES = """
    PATH HOME USER LOGNAME SHELL TERM LANG LANGUAGE TZ TMPDIR TMP TEMP STY
    DISPLAY XAUTHORITY WAYLAND_DISPLAY WAYLAND_SOCKET SWAYSOCK DBUS_SESSION_BUS_ADDRESS DESKTOP_SESSION
    LD_LIBRARY_PATH VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONUTF8 PYTHONDONTWRITEBYTECODE __CF_USER_TEXT_ENCODING
    SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT USERPROFILE APPDATA LOCALAPPDATA
"""
_PREFIXES = ("LC_", "TMUX", "XDG_", "KDE_", "WSL", "DYLD_")


def environment_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Only the variables by which a program is found and finds its display, terminal and language."""
    return {name: value for name, value in environ.items() if _is_needed(name.upper())}


def _is_needed(name: str) -> bool:
    return name in _NAMES.split() or name.startswith(_PREFIXES)
