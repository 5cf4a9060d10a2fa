"""The filter language: text to a query, a frozen query to a plan, and back to text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Literal, assert_type

from auditlog_tui.entries.models import Entry
from auditlog_tui.query import Chip, Plan, Query, Term, explain, format_query, freeze, parse, plan, read_moment


def from_text_to_plan(text: str, now_us: int, zone: tzinfo) -> Plan:
    assert_type(parse(text), Query)
    assert_type(parse(text).terms, tuple[Term, ...])
    frozen = assert_type(freeze(parse(text), now_us, zone), Query)
    assert_type(format_query(frozen), str)
    return assert_type(plan(frozen, frozenset({"action"})), Plan)


def what_a_plan_says(made: Plan, entry: Entry) -> None:
    assert_type(made.params, Mapping[str, str])
    assert_type(made.residual, Query | None)
    assert_type(made.entry_id, str | None)
    assert_type(made.chips, tuple[Chip, ...])
    assert_type(made.order, tuple[tuple[str, Literal["asc", "desc"]], ...])
    assert_type(made.violations(entry), frozenset[str])
    assert_type(made.where(), tuple[str, list[object]])
    assert_type(explain(made), str)


def no_step_is_left_out(text: str) -> None:
    plan(text)  # type: ignore[arg-type]  # to be parsed and frozen before
    freeze(text, 0, UTC)  # type: ignore[arg-type]
    format_query(plan(parse(text)))  # type: ignore[arg-type]  # a plan is no query


def the_caller_gives_time_and_zone(text: str, now_us: int) -> None:
    freeze(parse(text))  # type: ignore[call-arg]  # the log has the server's clock
    freeze(parse(text), now_us, "UTC")  # type: ignore[arg-type]  # looked up before, as a name may be unknown
    assert_type(read_moment(text, now_us, UTC), int)


def plans_and_queries_are_frozen(made: Plan, query: Query) -> None:
    made.params["action"] = "vm.created"  # type: ignore[index]
    made.params = {}  # type: ignore[misc]
    query.terms += query.terms  # type: ignore[misc]


def a_plan_may_leave_nothing_to_evaluate_here(made: Plan) -> int:
    return len(made.residual.terms)  # type: ignore[union-attr]
