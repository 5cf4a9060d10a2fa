"""What the programs that this one starts are given of its environment."""

from __future__ import annotations

from collections.abc import Mapping

# Listed is what is given, not what is kept back: API keys, custom headers and proxies' passwords are in variables of
# many names, other programs' among them, and a clipboard program needs none of those.
_NAMES = """
    PATH HOME USER LOGNAME SHELL TERM LANG LANGUAGE TZ TMPDIR TMP TEMP STY
    DISPLAY XAUTHORITY WAYLAND_DISPLAY WAYLAND_SOCKET SWAYSOCK DBUS_SESSION_BUS_ADDRESS DESKTOP_SESSION
    LD_LIBRARY_PATH VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONUTF8 PYTHONDONTWRITEBYTECODE __CF_USER_TEXT_ENCODING
    SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT USERPROFILE APPDATA LOCALAPPDATA
"""
_BEGINNINGS = ("LC_", "TMUX", "XDG_", "KDE_", "WSL", "DYLD_")


def environment_of(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that find a program, its display, its terminal and its language; no others."""
    return {name: value for name, value in environ.items() if _is_needed(name.upper())}


def _is_needed(name: str) -> bool:
    return name in _NAMES.split() or name.startswith(_BEGINNINGS)
