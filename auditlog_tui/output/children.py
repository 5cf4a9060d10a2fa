"""The environment variables passed to child processes."""

from __future__ import annotations

from collections.abc import Collection, Mapping

# An allow list, because API keys, custom headers and proxy passwords have variables of many names (those of other
# programs too), and a clipboard program needs none of them.
_NAMES = """
    PATH HOME USER LOGNAME SHELL TERM LANG LANGUAGE TZ TMPDIR TMP TEMP STY
    DISPLAY XAUTHORITY WAYLAND_DISPLAY WAYLAND_SOCKET SWAYSOCK DBUS_SESSION_BUS_ADDRESS DESKTOP_SESSION
    LD_LIBRARY_PATH VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONUTF8 PYTHONDONTWRITEBYTECODE __CF_USER_TEXT_ENCODING
    SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT USERPROFILE APPDATA LOCALAPPDATA
"""
_SHORTEST_SECRET = 8
"""Characters from which a value is looked for in other variables: a shorter one may be an ordinary word."""

_PREFIXES = ("LC_", "TMUX", "XDG_", "KDE_", "WSL", "DYLD_")


def environment_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Only the variables by which a program is found and finds its display, terminal and language."""
    return {name: value for name, value in environ.items() if _is_needed(name.upper())}


def environment_without(environ: Mapping[str, str], secret: Collection[str]) -> dict[str, str]:
    """All variables but those named, and those that hold the value of one of them under another name.

    For a program that the user chose, which may need any other.
    """
    values = [value for name in secret if len(value := environ.get(name, "").strip()) >= _SHORTEST_SECRET]
    return {
        name: value
        for name, value in environ.items()
        if name not in secret and not any(each in value for each in values)
    }


def _is_needed(name: str) -> bool:
    return name in _NAMES.split() or name.startswith(_PREFIXES)
