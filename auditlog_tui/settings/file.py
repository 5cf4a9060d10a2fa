"""The settings file: its path, reading, changing, and a first version of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from auditlog_tui.errors import SettingsError
from auditlog_tui.output import files
from auditlog_tui.settings.connection import DEFAULT_BASE_URL
from auditlog_tui.settings.options import OPTIONS, check_file
from auditlog_tui.text.safe import safe

LIMIT = 1_000_000
"""Largest size of a settings file, in bytes."""

_BEGINNING = """\
# Settings of auditlog-tui. Flags override the profile, which overrides the environment, which overrides the rest.
# To set one, remove the # before its name.
"""
_VIEWS = """\
# Saved filters: type @name in the filter bar, or after auditlog-tui.
[views]
# night-deletions = "action:*.deleted last:12h"
"""
_PROFILES = f"""\
# Profiles, one for each organization: start with --profile prod. Each has marks, a history and saved filters of its
# own; those above are used without a profile.
# [profiles.prod]
# base_url = "{DEFAULT_BASE_URL}"
# key_command = "pass show nirvana/prod"
# zone = "utc"
# trust_env = "no"
# [profiles.prod.views]
# refused = "status:401,403 last:24h"
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


def save_view(path: Path, name: str, text: str, profile: str = "") -> None:
    """Save a filter under a name, for a profile or without one; comments and other settings stay.

    Raises `SettingsError`, also if the profile is not in the file any more.
    """

    def change(file: Any, new: Callable[[], Any]) -> None:
        table = file
        if profile:
            if profile not in file.get("profiles", {}):
                raise SettingsError(f"{safe(str(path))} has no profile {profile} any more.")
            table = file["profiles"][profile]
        table.setdefault("views", new()).update({name: text})

    views = {"views": {name: text}}
    _change(path, {"profiles": {profile: views}} if profile else views, change)


def save_option(path: Path, name: str, value: str) -> None:
    """Save a setting; comments and other settings stay. Raises `SettingsError`."""
    _change(path, {name: value}, lambda file, _: file.update({name: value}))


def _change(path: Path, added: Mapping[str, Any], change: Callable[[Any, Callable[[], Any]], object]) -> None:
    """Change the file by `change`, which gets the document and what makes a new table. Raises `SettingsError`."""
    check_file(added, safe(str(path)))
    read_config(path)
    try:
        target = Path(os.path.realpath(path))  # keep a symbolic link
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with files.locked(target.parent) as alone:
            before = files.read(target, LIMIT).decode("utf-8-sig") if target.exists() else ""
            files.replace(target, _changed(before, change, path).encode(), alone=alone)
    except UnicodeEncodeError as error:
        raise SettingsError(f"{safe(str(path))} can't hold this text: it is not valid Unicode.") from error
    except OSError as error:
        raise SettingsError(f"{safe(str(path))} can't be written: {error.strerror}.") from error


def _changed(text: str, change: Callable[[Any, Callable[[], Any]], object], path: Path) -> str:
    """The file's text once it is changed. Raises `SettingsError` where the change would alter something else."""
    import tomllib

    import tomlkit

    for new in (tomlkit.table, tomlkit.inline_table):  # a header would take what follows dotted keys into its table
        document = tomlkit.parse(text)
        with suppress(ValueError):  # a table within an inline one, or what can't be read again
            change(document, new)
            changed = tomlkit.dumps(document)
            if tomllib.loads(changed.replace("\r\n", "\n")) == document.unwrap():
                return changed
    raise SettingsError(f"{safe(str(path))} can't be changed as it is written; change it by hand.")


def write_beginning(path: Path) -> None:
    """Create a settings file that explains every setting and sets none. Raises `SettingsError` if there is one."""
    parts = [_BEGINNING]
    for option in OPTIONS:
        able = f" ({', '.join(option.choices)})" if option.choices else ""
        parts.append(
            f'# {option.help}{able}; {option.flag}, {option.variable}\n# {option.name} = "{option.default}"\n'
        )
    parts += [_VIEWS, _PROFILES]
    if os.path.lexists(path):
        raise SettingsError(f"{safe(str(path))} is there already; it was left as it is.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.create(path, "\n".join(parts).encode())
    except OSError as error:
        raise SettingsError(f"{safe(str(path))} can't be written: {error.strerror}.") from error
