"""Words that mean something without quotes; as text to be found they are written in quotes."""

from __future__ import annotations

import re

from auditlog_tui.query.addresses import address_or_network
from auditlog_tui.query.fields import FIELDS
from auditlog_tui.query.times import UNITS
from auditlog_tui.settings.command_line import FIRST_WORDS

ANDS = frozenset({"and", "&&", "&"})
ORS = frozenset({"or", "||"})
NOTS = frozenset({"not", "NOT", "Not"})
DIRECTIONS = {"asc": "", "ascending": "", "desc": "-", "descending": "-"}
"""Directions as SQL has them, and what we write before the field."""

COMPARISONS = {
    "eq": "", "is": "", "equals": "", "equal": "", "ne": "-", "neq": "-", "gt": ">", "gte": ">=", "ge": ">=",
    "lt": "<", "lte": "<=", "le": "<=", "in": "in", "like": "like", "ilike": "like", "contains": "part",
    "includes": "part", "has": "part", "matches": "~", "rlike": "~", "regexp": "~", "startswith": "first",
    "starts_with": "first", "endswith": "last", "ends_with": "last", "between": "between",
}  # fmt: skip
"""Words that other languages have between a field and its value."""

ABBREVIATED = frozenset({"eq", "ne", "neq", "gt", "gte", "lt", "lte", "ilike", "rlike"})
"""Those that are no word of any other language, and so mean nothing else beside whatever word."""

COMMANDS = frozenset({"where", "search", "select", "filter", "from", "fields", "show"})
"""Words that other languages begin with."""

LIMITS = frozenset({"limit", "head", "tail", "take", "top", "first"})
ORDERS = frozenset({"order", "sort", "group", "sorted", "count"})
"""Words that `by` follows there."""

NO_VALUE = frozenset({"null", "nil", "undefined", "empty", "nothing", "-"})
"""What other languages write where there is no value; `none` is ours."""

_RESERVED = frozenset({
    *ANDS, *ORS, "not", "to", "until", "till", "utc", "gmt", "ago", "am", "pm", "at", "now", "today", "yesterday",
    *DIRECTIONS, *COMPARISONS, *COMMANDS, *LIMITS, *ORDERS, *FIRST_WORDS, *FIELDS, "by", *UNITS,
})  # fmt: skip
_WORD = re.compile(r"\w[\w.@%+#/-]*")
_CLOCK = re.compile(r"\d{1,2}[ap]m", re.ASCII)


def is_plain(word: str) -> bool:
    """Whether a text means itself, wherever it stands, without quotes."""
    return (
        _WORD.fullmatch(word) is not None
        and word.lower() not in _RESERVED
        and not _CLOCK.fullmatch(word.lower())
        and not word.endswith((".", ","))
        and "/" not in (address_or_network(word) or "")
    )
