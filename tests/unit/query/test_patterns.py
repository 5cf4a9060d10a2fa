"""Regular expressions with a time budget. The module measures time; these tests count the values it gave up on."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.entries.models import read_entry
from auditlog_tui.query import explain, overruns
from auditlog_tui.query.patterns import LONGEST, PER_VALUE, Pattern, TooBigError, compiled
from tests.unit.query.here import kept_here, planned
from tests.unit.query.strategies import PATTERNS

ENDLESS = "^(a|aa)+$"
"""Takes exponential time on a text that almost matches."""

ALMOST = "a" * 60 + "!"


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Compiled patterns, with their overruns, are cached for the life of the process, so clear the cache."""
    compiled.cache_clear()
    yield
    compiled.cache_clear()


def test_a_pattern_without_end_is_cut_short_and_counted() -> None:
    split = planned(f"path:~{ENDLESS}")
    entries = [read_entry(f'{{"id": "e-{n}", "path": "{ALMOST}"}}') for n in range(200)]
    assert overruns(split) == 0
    assert kept_here(entries, split) == []
    assert overruns(split) == 200


def test_a_value_that_was_cut_short_matches_the_negation() -> None:
    split = planned(f"-path:~{ENDLESS}")
    entry = read_entry(f'{{"path": "{ALMOST}"}}')
    assert kept_here([entry], split) == [entry]
    assert overruns(split) == 1


def test_the_pattern_that_pythons_own_engine_hangs_on_is_no_trouble() -> None:
    split = planned(r"path:~^/(\w+)+$")
    entries = [read_entry(f'{{"id": "e-{n}", "path": "/{"a" * 28}{end}"}}') for n, end in enumerate("!a")]
    assert kept_here(entries, split) == entries[1:]
    assert overruns(split) == 0


def test_an_ordinary_pattern_never_runs_out_of_its_allowance() -> None:
    pattern = Pattern("^/v1/.*s$")
    assert all(pattern.found("/v1/volumes") for _ in range(5_000))
    assert pattern.overruns == 0


def test_a_pattern_that_used_up_its_allowance_earns_it_again() -> None:
    pattern = Pattern(ENDLESS)
    pattern._left = -10 * PER_VALUE
    skipped = next(n for n in range(100) if pattern.found("aa"))
    assert 10 <= skipped <= 12
    assert pattern.overruns == skipped


def test_overruns_are_those_of_the_patterns_that_stay_here() -> None:
    split = planned(f"path:~{ENDLESS} path:~b,c")
    compiled(ENDLESS).found(ALMOST)
    compiled("b,c").found(ALMOST)
    assert overruns(split) == 1
    assert overruns(planned("status:403")) == 0
    assert ENDLESS in explain(split)


@pytest.mark.parametrize(
    "pattern",
    ["(", "a{2,1}", "[a", "*", r"\p{Foo}", r"\N{FOO}", r"\L<x>", "(?P<a>x)(?P<a", "(?a)(?u)x", r"\g<9>", "(?(1)a|b"],
)
def test_what_is_no_pattern_is_refused_with_a_reason(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        compiled(pattern)


@pytest.mark.parametrize("pattern", ["a" * (LONGEST + 1), "(a{1000}){1000}", "(a{99}){11}", "((a{11}){10}){10}"])
def test_a_pattern_that_takes_long_to_compile_is_refused(pattern: str) -> None:
    with pytest.raises(TooBigError):
        compiled(pattern)


@pytest.mark.parametrize("pattern", ["a{1000}", "(a{10}){100}", "(a|" * 100 + "b" + ")" * 100, "a{,1000}"])
def test_a_pattern_of_the_allowed_size_is_taken(pattern: str) -> None:
    assert compiled(pattern).found("b" * 2_000) == (re.search(pattern, "b" * 2_000) is not None)


@given(st.text(alphabet="ab()[]{}|*+?.^$\\,:<>=!-&~#PLNpgxiuV0129 \n", max_size=14), st.text(max_size=20))
def test_whatever_compiles_can_be_tried_on_anything(pattern: str, value: str) -> None:
    try:
        tried = Pattern(pattern)
    except ValueError:
        return
    assert tried.found(value) in (True, False)


@given(st.sampled_from(PATTERNS), st.text(alphabet='/v1keysVolums," 9\n', max_size=12))
def test_patterns_mean_what_pythons_do(pattern: str, value: str) -> None:
    assert compiled(pattern).found(value) == (re.search(pattern, value) is not None)
