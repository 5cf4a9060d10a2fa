"""The settings file: where it is, what is in it, and how it begins."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from auditlog_tui.errors import SettingsError
from auditlog_tui.output.safe import safe
from auditlog_tui.settings import OPTIONS, check_file

_BEGINNING = """\
# Settings of auditlog-tui. A flag goes before the environment, that before this file.
# Every line is a comment until you take the # away.
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
    """The file's content; nothing where there is no file. Raises `SettingsError`."""
    shown = safe(str(path))
    try:
        file = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{shown} can't be read: {safe(str(error), 200)}.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{shown} is not TOML: {safe(str(error), 200)}.") from error
    check_file(file, shown)
    return file


def save_view(path: Path, name: str, text: str) -> None:
    """Keep a filter under a name, and everything else in the file as it stands. Raises `SettingsError`."""
    import tomlkit

    _change(
        path, {"views": {name: text}}, lambda file: file.setdefault("views", tomlkit.table()).update({name: text})
    )


def save_option(path: Path, name: str, value: str) -> None:
    """Keep a setting, and everything else in the file as it stands. Raises `SettingsError`."""
    _change(path, {name: value}, lambda file: file.update({name: value}))


def _change(path: Path, added: Mapping[str, Any], change: Callable[[Any], object]) -> None:
    import tomlkit

    check_file(added, safe(str(path)))
    read_config(path)
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
        change(document)
        content = tomlkit.dumps(document).encode()  # before the file is opened, which empties it
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(content)
    except UnicodeEncodeError as error:
        raise SettingsError(f"{safe(str(path))} can't hold this text: it is not valid Unicode.") from error
    except OSError as error:
        raise SettingsError(f"{safe(str(path))} can't be written: {error.strerror}.") from error


def write_beginning(path: Path) -> None:
    """Make a settings file in which everything is explained and nothing set. Never overwrites one."""
    parts = [_BEGINNING]
    for option in OPTIONS:
        able = f" ({', '.join(option.choices)})" if option.choices else ""
        parts.append(
            f'# {option.help}{able}; {option.flag}, {option.variable}\n# {option.name} = "{option.default}"\n'
        )
    parts.append(_VIEWS)
    if path.exists():
        raise SettingsError(f"{safe(str(path))} is there already; it was left as it is.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("x", encoding="utf-8") as file:
            file.write("\n".join(parts))
    except OSError as error:
        raise SettingsError(f"{safe(str(path))} can't be written: {error.strerror}.") from error
