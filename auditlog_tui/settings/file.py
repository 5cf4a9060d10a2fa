"""The settings file: its path, reading, changing, and a first version of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from auditlog_tui.errors import SettingsError
from auditlog_tui.output import files
from auditlog_tui.settings.options import OPTIONS, check_file
from auditlog_tui.text.safe import safe

LIMIT = 1_000_000
"""Largest size of a settings file, in bytes."""

_BEGINNING = """\
# Settings of auditlog-tui. Flags override the environment, which overrides this file.
# To set one, remove the # before its name.
"""
_VIEWS = """\
# Saved filters: type @name in the filter bar, or after auditlog-tui.
[views]
# night-deletions = "action:*.deleted last:12h"
"""


def config_path() -> Path:
    """`config.toml` in the platform's folder for settings."""
    import platformdirs

    return platformdirs.user_config_path("auditlog-tui", appauthor=False) / "config.toml"


def read_config(path: Path) -> Mapping[str, Any]:
    """The file's content, checked; empty if there is no file. Raises `SettingsError`."""
    shown = safe(str(path))
    try:
        text = files.read(path, LIMIT).decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise SettingsError(f"{shown} can't be read: {safe(why, 200)}.") from error
    import tomllib  # late: most have no file

    try:
        file = tomllib.loads(text)
    except RecursionError as error:
        raise SettingsError(f"{shown} is not TOML: it is nested too deeply.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{shown} is not TOML: {safe(str(error), 200)}.") from error
    check_file(file, shown)
    return file


def save_view(path: Path, name: str, text: str) -> None:
    """Save a filter under a name; comments and other settings stay. Raises `SettingsError`."""
    import tomlkit

    _change(
        path, {"views": {name: text}}, lambda file: file.setdefault("views", tomlkit.table()).update({name: text})
    )


def save_option(path: Path, name: str, value: str) -> None:
    """Save a setting; comments and other settings stay. Raises `SettingsError`."""
    _change(path, {name: value}, lambda file: file.update({name: value}))


def _change(path: Path, added: Mapping[str, Any], change: Callable[[Any], object]) -> None:
    import tomlkit

    check_file(added, safe(str(path)))
    read_config(path)
    try:
        target = Path(os.path.realpath(path))  # keep a symbolic link
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with files.locked(target.parent):
            before = files.read(target, LIMIT).decode("utf-8-sig") if target.exists() else ""
            document = tomlkit.parse(before)
            change(document)
            files.replace(target, tomlkit.dumps(document).encode())
    except UnicodeEncodeError as error:
        raise SettingsError(f"{safe(str(path))} can't hold this text: it is not valid Unicode.") from error
    except OSError as error:
        raise SettingsError(f"{safe(str(path))} can't be written: {error.strerror}.") from error


def write_beginning(path: Path) -> None:
    """Create a settings file that explains every setting and sets none. Raises `SettingsError` if there is one."""
    parts = [_BEGINNING]
    for option in OPTIONS:
        able = f" ({', '.join(option.choices)})" if option.choices else ""
        parts.append(
            f'# {option.help}{able}; {option.flag}, {option.variable}\n# {option.name} = "{option.default}"\n'
        )
    parts.append(_VIEWS)
    if os.path.lexists(path):
        raise SettingsError(f"{safe(str(path))} is there already; it was left as it is.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.create(path, "\n".join(parts).encode())
    except OSError as error:
        raise SettingsError(f"{safe(str(path))} can't be written: {error.strerror}.") from error
