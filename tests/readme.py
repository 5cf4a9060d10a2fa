"""Generates the README's tables of keys and filters from the program.

python -m tests.readme          writes them
python -m tests.readme --check  fails if they are out of date
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from auditlog_tui.query import fields_table
from auditlog_tui.ui.keys import by_place

README = Path(__file__).parent.parent / "README.md"


def keys_table() -> str:
    """Every key, grouped by where it works, as a Markdown table."""
    lines = ["| where | key | what it does |", "|---|---|---|"]
    for place, keys in by_place():
        lines += [f"| {place} | `{key.shown}` | {key.help} |" for key in keys]
    return "\n".join(lines) + "\n"


def current(text: str) -> str:
    """The README's text with its generated parts up to date."""
    for name, table in (("keys", keys_table()), ("filters", fields_table())):
        begin, end = f"<!-- {name}: generated -->\n", f"<!-- {name}: end -->"
        text = re.sub(f"(?s){begin}.*?{end}", lambda _, t=table, b=begin, e=end: f"{b}\n{t}\n{e}", text)  # type: ignore[misc]  # defaults bind the loop's values
    return text


def main() -> int:
    text = README.read_text(encoding="utf-8")
    if "--check" in sys.argv:
        return int(current(text) != text)
    README.write_text(current(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
