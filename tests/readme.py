"""Generates the README's tables of keys, flags, filters and rooms from the program.

python -m tests.readme          writes them
python -m tests.readme --check  fails if they are out of date
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from auditlog_tui.entries.contract import KEY_VARIABLE
from auditlog_tui.query import fields_table
from auditlog_tui.settings.connection import HEADERS_VARIABLE
from auditlog_tui.settings.options import OPTIONS, Option
from auditlog_tui.ui.keys import EVERYWHERE, TABLE, by_place

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PACKAGE = ROOT / "auditlog_tui"

TWELVE = ("/", "⏎", "c", "p", "=", "-", ".", "[ ⌫", "m", "M", "y", "?")
"""The keys to learn first, as the screen writes them."""


def keys_table() -> str:
    """Every key, grouped by where it works."""
    return _table(
        ("where", "key", "what it does"),
        [(place, f"`{key.shown}`", key.help) for place, keys in by_place() for key in keys],
    )


def twelve_table() -> str:
    """The keys to learn first. Raises `KeyError` for one that works neither everywhere nor in the table."""
    found = {key.shown: key.help for place, keys in by_place() if place in (EVERYWHERE, TABLE) for key in keys}
    return _table(("key", "what it does"), [(f"`{shown.split()[0]}`", found[shown]) for shown in TWELVE])


def flags_table() -> str:
    """Every setting of the command line and the environment."""
    rows = [(f"`{_flag(option)}`", f"`{option.variable}`", option.help) for option in OPTIONS]
    rows += [
        ("", f"`{KEY_VARIABLE}`", "the API key; never on the command line"),
        ("", f"`{HEADERS_VARIABLE}`", "more headers to send, lines of `Name: value`"),
        ("`--demo`", "", "a made-up log, without key and network"),
        ("`--case FILE`", "", "keep everything in this file, and go on with what is in it"),
        (
            "`--from FILE`",
            "",
            "a log saved to a file, which `open FILE` browses, or the folder of an archive; `-` is standard input",
        ),
    ]
    return _table(("flag", "variable", "meaning"), [tuple(cell.replace("|", "\\|") for cell in row) for row in rows])


def _flag(option: Option) -> str:
    """The flag with its value; one that only says no has none."""
    value = "" if option.flag.startswith("--no-") else "|".join(option.choices) or option.metavar
    return f"{option.flag} {value}".rstrip()


def rooms_table() -> str:
    """The package's modules and folders in the order of their imports, each with the first line of its docstring."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {
        contract["containers"][0]: contract
        for contract in config["tool"]["importlinter"]["contracts"]
        if "containers" in contract
    }
    rows = []
    for name in _names(contracts["auditlog_tui"]["layers"]):
        inner = _names(contracts["auditlog_tui.ui"]["layers"]) if name == "ui" else []
        rows += [_room(name), *(_room(f"{name}/{each}") for each in inner if (PACKAGE / name / each).is_dir())]
    return _table(("room", "what is in it"), rows)


def _names(layers: list[str]) -> list[str]:
    """The modules in the layers of an import contract; `a | b` are two in one layer."""
    return list(chain.from_iterable(re.split(r" \| ", layer) for layer in layers))


def _room(name: str) -> tuple[str, str]:
    folder = PACKAGE / name
    file = folder / "__init__.py" if folder.is_dir() else PACKAGE / f"{name}.py"
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return f"`{name}/`" if folder.is_dir() else f"`{name}.py`", text.splitlines()[0]


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(cells)} |" for cells in (header, *rows)]
    lines.insert(1, "|---" * len(header) + "|")
    return "\n".join(lines) + "\n"


TABLES: Mapping[str, Callable[[], str]] = {
    "twelve": twelve_table,
    "keys": keys_table,
    "flags": flags_table,
    "filters": fields_table,
    "rooms": rooms_table,
}
"""Each generated part of the README by its name."""


def current(text: str) -> str:
    """The README's text with its generated parts up to date. Raises `ValueError` if one is missing."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: generated -->\n", f"<!-- {name}: end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"there is no place for the table of {name}")
        text = f"{before}{begin}\n{table()}\n{end}{after}"
    return text


def main() -> int:
    text = README.read_text(encoding="utf-8")
    if "--check" in sys.argv:
        return int(current(text) != text)
    README.write_text(current(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
