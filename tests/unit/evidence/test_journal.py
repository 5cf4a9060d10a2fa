"""The investigator's log: its chain holds, any change to it is found, and no secret gets into it."""

from __future__ import annotations

import json
import shlex
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.evidence.journal import MOST_IDS, Chain, check, read_line
from auditlog_tui.headless.case_log import LIMIT
from auditlog_tui.settings.redactor import HIDDEN, LONGEST_TEXT, Redactor

NOON_US = 1_800_000_000_000_000
KEY = "nv-Key_0123456789+abc/def=="

words = st.text(max_size=20)
fields = st.dictionaries(words, words | st.integers() | st.lists(words, max_size=3) | st.none() | st.booleans())
acts = st.lists(st.tuples(st.sampled_from(["query", "copied", "exported"]), fields), min_size=1, max_size=6)


def lines_of(acts: list[tuple[str, dict[str, object]]]) -> list[tuple[int, str]]:
    chain, redactor = Chain(), Redactor([])
    texts = [
        chain.add(NOON_US + n, kind, {key: redactor.clean(each) for key, each in found.items()}).text
        for n, (kind, found) in enumerate(acts)
    ]
    return list(enumerate(texts, 1))


SOME = lines_of([("opened", {"query": "status:403"}), ("marked", {"ids": ["a", "b"]}), ("ended", {})])


def test_a_line_is_one_of_json_that_names_the_one_before() -> None:
    first, second, _ = (json.loads(text) for _, text in SOME)
    assert first["before"] == ""
    assert second["before"] == first["digest"]
    assert second["time"] == "2027-01-15T08:00:00.000001Z"
    assert (second["seq"], second["kind"], second["fields"]) == (2, "marked", {"ids": ["a", "b"]})


@given(acts)
def test_what_was_written_holds(acts: list[tuple[str, dict[str, object]]]) -> None:
    lines = lines_of(acts)
    found = check(lines)
    assert (found.lines, found.broken) == (len(acts), 0)
    assert found.digest == json.loads(lines[-1][1])["digest"]
    assert all("\n" not in text and text.isascii() for _, text in lines)


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_flipped_bit_anywhere_is_found_at_its_line(line: int) -> None:
    number, text = SOME[line]
    data = text.encode()
    for at in range(len(data)):
        for bit in range(7):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            found = check([*SOME[:line], (number, changed.decode("latin-1")), *SOME[line + 1 :]])
            assert found.broken == number, changed
            assert found.lines == line


def test_a_line_that_is_missing_moved_or_there_twice_is_found() -> None:
    one, two, three = SOME
    assert check([one, three]).broken == 2
    assert check([one, (2, three[1])]).broken == 2
    assert check([two, three]).broken == 1
    assert check([one, two, (3, two[1])]).broken == 3
    assert check([one, (2, three[1]), (3, two[1])]).broken == 2


def test_where_lines_are_missing_it_says_which() -> None:
    chain = Chain()
    one, two, three, four, five = ((n, chain.add(NOON_US, "opened", {}).text) for n in range(1, 6))
    assert check([one, three, four]).why == "it is missing, as line 3 comes next"
    assert check([one, five]).why == "it and all up to line 4 are missing, as line 5 comes next"
    assert check([one, (2, four[1])]).why == "it is kept under the number 2, and says 4 of itself"
    assert check([one, two, two]).why == "line 2 is in its place"


def test_a_line_made_anew_is_found_by_the_next_one() -> None:
    other = Chain(1, SOME[0][1]).add(NOON_US, "marked", {"ids": []}).text
    found = check([SOME[0], (2, other), SOME[2]])
    assert (found.broken, found.why) == (3, "it does not follow the line before it")


def test_only_a_noted_digest_shows_that_the_end_was_cut_off() -> None:
    last = json.loads(SOME[2][1])["digest"]
    assert check(SOME, last).noted
    cut = check(SOME[:2], last)
    assert (cut.broken, cut.noted) == (0, False)


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", "null", b"{}", None, "[" * 100_000, SOME[0][1] + " ", SOME[0][1][:-1]]
)
def test_what_is_no_line_does_not_hold(text: object) -> None:
    assert check([(1, text)]).broken == 1


def test_a_log_goes_on_after_its_last_line() -> None:
    chain = Chain(3, SOME[2][1])
    assert check([*SOME, (4, chain.add(NOON_US, "opened", {}).text)]).lines == 4


def test_after_a_last_line_that_does_not_hold_the_rest_does_not_either() -> None:
    chain = Chain(3, "gibberish")
    assert check([*SOME, (4, chain.add(NOON_US, "opened", {}).text)]).broken == 4


def test_an_empty_log_holds() -> None:
    assert check([]) == check(iter(()))
    assert check([]).digest == ""


# -- secrets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        KEY, f"ua:{KEY} last:24h", f'"{KEY}"', KEY.upper(), quote(KEY, safe=""), quote(KEY), shlex.quote(KEY),
        json.dumps(KEY), " ".join(KEY), KEY.replace("_", "\\_"), f"/tmp/{KEY}/a.zip", f"x{KEY}y{KEY}",
        KEY.replace("+", "\n"),
    ],
)  # fmt: skip
def test_no_spelling_of_the_key_is_left(text: str) -> None:
    cleaned = json.dumps(Redactor([KEY]).clean({"query": text, text: [text, {"deep": text}]}))
    assert "0123456789" not in cleaned
    assert HIDDEN in cleaned


def test_what_is_no_secret_stays() -> None:
    assert Redactor([KEY]).clean({"query": "status:403", "n": 3}) == {"query": "status:403", "n": 3}
    assert Redactor([KEY]).clean(f"ua:{KEY} last:24h") == f"ua:{HIDDEN} last:24h"
    assert Redactor(["any"]).clean("many, of any kind") == f"m{HIDDEN}, of {HIDDEN} kind"


def test_long_texts_are_cut_and_odd_ones_can_be_written() -> None:
    redactor = Redactor([KEY])
    assert redactor.clean("x" * (LONGEST_TEXT + 1)) == "x" * LONGEST_TEXT + "…"
    assert redactor.clean("a\udcff") == "a?"


def test_a_line_that_was_read_is_the_one_that_was_written() -> None:
    for _, text in SOME:
        assert read_line(text).text == text


def test_the_longest_line_that_is_written_is_read() -> None:
    ids = ["\N{PILE OF POO}" * 100_000] * MOST_IDS
    more = {"result": ids[0], "unclear": ids[0], "query": ids[0]}
    ((_, text),) = lines_of([("rechecked", {"changed": ids, "gone": ids, **more})])
    assert 9_000_000 < len(text) < LIMIT
