"""The filter language: one line of text to a query, and a query to what the API and the store are asked.

text -> parse -> Query -> freeze -> plan -> Plan: parameters for the API, a condition for the store
"""

from auditlog_tui.query.complete import Candidate, Completion, complete
from auditlog_tui.query.edit import term_for, with_term, without_term
from auditlog_tui.query.fields import FIELDS, Field, field_of, fields_table
from auditlog_tui.query.format import format_query, format_term, stored
from auditlog_tui.query.freeze import HINT as MOMENT_HINT
from auditlog_tui.query.freeze import depends_on_now, freeze, read_moment
from auditlog_tui.query.parse import parse
from auditlog_tui.query.plan import Chip, Plan, explain, overruns, plan
from auditlog_tui.query.sql import Condition, holding, install
from auditlog_tui.query.syntax import Query, Term

__all__ = [
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
    "holding",
    "install",
    "overruns",
    "parse",
    "plan",
    "read_moment",
    "stored",
    "term_for",
    "with_term",
    "without_term",
]
