"""Keys about the user's marks and notes: how they are read, and that positive ones ask the server nothing."""

from __future__ import annotations

import pytest

from auditlog_tui.errors import QueryError
from auditlog_tui.query import format_query, parse, term_for
from auditlog_tui.query.plan import Only
from tests.unit.query.here import planned


@pytest.mark.parametrize(
    ("text", "only"),
    [
        ("marked:yes", "marked"),
        ("-marked:no", "marked"),
        ("tag:inc42", "noted"),
        ("tag:inc*,x", "noted"),
        ("note:rotated status:>=400", "noted"),
        ("id:e-1 tag:a", "noted"),
        ("-tag:a marked:yes", "marked"),
        ("marked:no tag:a", "noted"),
        ("marked:no", ""),
        ("marked:yes,no", ""),
        ("-marked:yes", ""),
        ("-tag:a", ""),
        ("-note:a status:>=400", ""),
    ],
)
def test_a_positive_term_asks_the_server_nothing(text: str, only: Only) -> None:
    split = planned(f"{text} method:GET created:today sort:status")
    assert (split.only, split.of_marks) == (only, True)
    assert not split.params if only else split.params["method"] == "GET"
    assert (split.entry_id, split.local_order) == (None, bool(only))
    assert all(chip.where == "local" for chip in split.chips) or not only


@pytest.mark.parametrize(
    ("typed", "means"),
    [
        ("tag:#inc42", "tag:inc42"),
        ('tag:"##inc42"', "tag:inc42"),
        ("tag:#inc*", "tag:inc*"),
        ("marked:YES", "marked:yes"),
        ("tag=inc42", "tag:inc42"),
        ("note!=x", "-note:x"),
    ],
)
def test_ways_to_type_them(typed: str, means: str) -> None:
    assert format_query(parse(typed)) == means


@pytest.mark.parametrize(
    ("typed", "offer"),
    [("marked:true", "marked:yes"), ("-marked:0", "-marked:no"), ("flagged:yes", "marked:yes"), ("label:a", "tag:a")],
)
def test_what_is_meant_is_offered(typed: str, offer: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(typed)
    assert offer in caught.value.offers


@pytest.mark.parametrize("typed", ["marked:maybe", "tag:#", "tag:", "note:a*", "marked:~y", "sort:tag"])
def test_what_they_can_not_hold_is_refused(typed: str) -> None:
    with pytest.raises(QueryError):
        parse(typed)


def test_a_tag_can_be_filtered_by_and_left_out() -> None:
    assert (term_for("tag", "inc-7"), term_for("tag", "inc-7", True)) == ("tag:inc-7", "-tag:inc-7")
