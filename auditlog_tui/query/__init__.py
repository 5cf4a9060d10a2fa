"""The filter language: from one line of text to API parameters and an SQL condition.

    "status:>=500 last:2h"  what the user typed (saved_filters replaces @names first)
              │ parse       lexer: items with their columns · habits: other languages · values, times: one value each
              ▼
            Query           the tree in syntax, with relative times; format writes it as text again
              │ freeze      makes every relative time an instant; bounds refuses ranges that exclude each other
              ▼
            Query           frozen: means the same at any later time
              │ plan        splits it: pushdown AND residual == query
              ▼
            Plan            params for the API (contradicts checks each response against them),
                            and for the residual an SQL condition over the store's columns (sql, patterns)

`fields` is the registry of keys that all of these read, `addresses` and `reserved` hold their shared vocabulary.
`edit` changes a filter's text by single terms; `complete` proposes what may follow the cursor from `seen_values`.
"""

from auditlog_tui.query.complete import Candidate, Completion, complete
from auditlog_tui.query.edit import term_for, with_term, without_term
from auditlog_tui.query.fields import FIELDS, Field, field_of, fields_table
from auditlog_tui.query.format import format_query, format_term, quote_reserved
from auditlog_tui.query.freeze import DEADLINE_HINT, depends_on_now, freeze, read_deadline, read_moment
from auditlog_tui.query.freeze import HINT as MOMENT_HINT
from auditlog_tui.query.parse import parse
from auditlog_tui.query.plan import Chip, Plan, explain, overruns, plan
from auditlog_tui.query.sql import Condition, install, text_condition
from auditlog_tui.query.syntax import Query, Term

__all__ = [
    "DEADLINE_HINT",
    "FIELDS",
    "MOMENT_HINT",
    "Candidate",
    "Chip",
    "Completion",
    "Condition",
    "Field",
    "Plan",
    "Query",
    "Term",
    "complete",
    "depends_on_now",
    "explain",
    "field_of",
    "fields_table",
    "format_query",
    "format_term",
    "freeze",
    "install",
    "overruns",
    "parse",
    "plan",
    "quote_reserved",
    "read_deadline",
    "read_moment",
    "term_for",
    "text_condition",
    "with_term",
    "without_term",
]
