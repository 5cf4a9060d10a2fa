"""What a query becomes, in one line: the request, and what stays here."""

from __future__ import annotations

from urllib.parse import quote

from auditlog_tui.query.fields import field_of
from auditlog_tui.query.format import format_value, quoted
from auditlog_tui.query.patterns import compiled
from auditlog_tui.query.plan import Plan
from auditlog_tui.query.syntax import WORD, Regex, Term, Text

ENDPOINT = "/v1/audit_logs"
_PLAIN_IN_URLS = "/:,@"


def explain(plan: Plan) -> str:
    """For instance `GET /v1/audit_logs?status_code_min=400 · here: not path /health`. May hold any text typed."""
    parts = [f"GET {_target(plan)}"]
    if plan.residual:
        parts.append("here: " + ", ".join(map(_described, plan.residual.terms)))
    if plan.local_order:
        parts.append("sorted here by " + ", ".join(f"{name} {way}" for name, way in plan.order))
    return " · ".join(parts)


def _target(plan: Plan) -> str:
    if plan.entry_id is not None:
        return f"{ENDPOINT}/{quote(plan.entry_id, safe='')}"
    query = "&".join(f"{name}={quote(value, safe=_PLAIN_IN_URLS)}" for name, value in plan.params.items())
    return f"{ENDPOINT}?{query}" if query else ENDPOINT


def _described(term: Term) -> str:
    field = field_of(term.key)
    if term.key == WORD:
        values = [quoted(value.text) for value in term.values if isinstance(value, Text)]
    else:
        values = [format_value(field, value) for value in term.values]
    return f"{'not ' if term.negated else ''}{term.key or 'text'} {' or '.join(values)}"


def overruns(plan: Plan) -> int:
    """The values that the plan's patterns had no time for, and that therefore count as not matching."""
    terms = plan.residual.terms if plan.residual else ()
    found = {value.pattern for term in terms for value in term.values if isinstance(value, Regex)}
    return sum(compiled(pattern).overruns for pattern in found)
