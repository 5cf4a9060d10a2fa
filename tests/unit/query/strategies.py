"""Hypothesis strategies for queries and entries that share many values, so that terms match often, with unusual
values among them.
"""

from __future__ import annotations

import json
from datetime import date, datetime

from hypothesis import strategies as st

from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.query.syntax import (
    Address,
    Ago,
    By,
    Clock,
    Day,
    Glob,
    Instant,
    Moment,
    Named,
    Network,
    Nothing,
    Numbers,
    Query,
    Regex,
    Term,
    Text,
    Times,
    Value,
)
from tests.unit.query.evaluate import as_servers_spell
from tests.unit.query.server import PARAMETERS

NOON_US = 1_795_348_800_000_000
"""2026-11-22T12:00:00Z."""

TEXTS = {
    "action": ("vm.created", "VM.Created", "vm.deleted", "key.created", "none"),
    "actor": ("u-1", "u-2", "U-1", "none", "a,b"),
    "actor.name": ("Alice Smith", "ALICE", "Straße", "bob"),
    "actor.type": ("user", "api_key", "robot"),
    "method": ("GET", "DELETE", "delete", "Get"),
    "path": ("/v1/volumes", "/V1/Volumes/9", "/v1/keys", "volumes", "/health"),
    "target": ("t-1", "t-2", "none", "T-1"),
    "target.type": ("vm", "VM", "volume"),
    "ua": ("terraform/1.9", "Terraform", "curl/8"),
    "tag": ("inc42", "INC7", "inc-7", "inc"),
    "note": ("Rotated the key", "ask Bob", "STRASSE 9"),
    "id": ("e-1", "e-2", "e-3", "e-4", "e-5", "e-6", "E-1"),
}
ADDRESSES = (
    "203.0.113.7", "203.0.113.8", "10.0.0.1", "2001:db8::1", "2001:DB8::1", "2001:db8:0:0:0:0:0:1", "::1",
    "fe80::1%eth0", "::ffff:203.0.113.7", "::ffff:cb00:7107",
)  # fmt: skip
NETWORKS = ("203.0.113.0/24", "203.0.113.7/32", "0.0.0.0/0", "2001:db8::/32", "::/0", "::ffff:0:0/96")
PATTERNS = ("^/v1/.*s$", "volumes|keys", r"/v\d", "a,b", '^"', "V1", "[0-9]$", r"\s", "(?i)HEALTH")
HOSTILE = (
    "", " ", "*", "a*b", "none", '"', "\\", "~x", "-x", ",", "a,b", "a b", "x:y", "\x00", "a\x00b", "\x1b[2J",
    "\u202e", "203[.]0[.]113[.]7", "İ", "ß", "\U0001f4a5", "%", "_", "'", "unknown", "sort:", "::", "1.2.3.004",
    "None", "AND", "or", "not", "null", "status",
    "status=403", "a|b", "(a)", "[a", "=x", "to", "UTC", "2pm", "203.0.113.0/24",
    "list", "eq", "desc", "a\u200bb", "'a'", "“a”", "–a", "203.0.113.7.", "@x", "+a", "!a", "where",
)  # fmt: skip
STATUSES = (200, 201, 399, 400, 403, 404, 499, 500, 503, 0, -1, 2**63 - 1)
HUGE = (2**63, -(2**63), 10**30)
TIMES = (
    "2026-11-22T12:00:00Z", "2026-11-22T12:00:00.000001Z", "2026-11-22T11:59:59.999999999Z", "2026-11-22t12:00:00z",
    "2026-11-22T13:00:00+01:00", "2026-11-22T11:59:60Z", "2026-11-22 12:00:00Z", "2026-11-22T12:00:00",
    "2026-11-21T00:00:00Z", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "0000-01-01T00:00:00Z",
    "2026-13-01T00:00:00Z", "yesterday", "",
)  # fmt: skip
ODD: st.SearchStrategy[object] = st.sampled_from(
    (None, True, 7, 1.5, [], {}, {"id": 1}, "\ud800", "a\udfff", "5,000 digits")
)
"""Values of the wrong type for a text."""

PLACES = (
    "id", "name", "type", "action", "actor", "client_ip", "created_at", "method", "path", "status_code", "user_agent",
    "target", "region",
)  # fmt: skip

hostile = st.sampled_from(HOSTILE) | st.text(max_size=6)


# -- entries -----------------------------------------------------------------------------------------------------


def _objects_of(**members: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries(members)


def _usual(key: str) -> st.SearchStrategy[object]:
    return st.sampled_from(TEXTS[key])


_whole_objects = _objects_of(
    id=_usual("id"),
    action=_usual("action"),
    actor=_objects_of(id=_usual("actor"), name=_usual("actor.name"), type=_usual("actor.type")),
    client_ip=st.sampled_from(ADDRESSES),
    created_at=st.sampled_from(TIMES),
    method=_usual("method"),
    path=_usual("path"),
    status_code=st.sampled_from(STATUSES),
    user_agent=_usual("ua"),
    target=_objects_of(id=_usual("target"), type=_usual("target.type")),
)
_places = st.tuples(st.sampled_from(("", "", "actor", "target")), st.sampled_from(PLACES))


@st.composite
def _objects(draw: st.DrawFn) -> dict[str, object]:
    """An entry with a few missing, hostile or impossible values."""
    whole = draw(_whole_objects)
    for within, name in draw(st.lists(_places, max_size=4)):
        inner = whole.get(within, whole)
        if isinstance(inner, dict) and draw(st.booleans()):
            inner[name] = draw(hostile | ODD | st.sampled_from(HUGE))
        elif isinstance(inner, dict):
            inner.pop(name, None)
    return whole


def _json(value: object) -> str:
    return json.dumps(value).replace('"5,000 digits"', "1" * 5_000)


entries: st.SearchStrategy[Entry] = st.one_of(
    *[_objects().map(_json).map(read_entry)] * 12,
    st.sampled_from(("[]", "null", '"x"', "{", "", '{"id": 1}', '{"id": "e-1", "id": "e-2"}')).map(read_entry),
)
"""Entries as read from a page, valid and malformed."""

logs = st.lists(entries, min_size=1, max_size=4, unique_by=lambda entry: entry.key)


# -- values ------------------------------------------------------------------------------------------------------


def _whole(key: str) -> st.SearchStrategy[Value]:
    usual = st.sampled_from(TEXTS[key])
    return st.one_of(usual, usual, usual, hostile).map(Text)


def _part(key: str) -> st.SearchStrategy[Value]:
    pieces = [text[start:end] for text in TEXTS[key] for start, end in ((0, None), (0, 3), (1, 4), (-1, None))]
    usual = st.sampled_from(pieces)
    return st.one_of(usual, usual, usual, hostile.filter(bool)).map(Text)


@st.composite
def _globs(draw: st.DrawFn, key: str) -> Value:
    usual = st.sampled_from(TEXTS[key])
    text = draw(st.one_of(usual, usual, usual, hostile))
    if key == "method":
        text = text.upper()
    first, second = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
    inner = draw(st.sampled_from(((), (text[first:second],)))) if second > first else ()
    return Glob((text[:first], *inner, text[second:]))


def _numbers(pair: tuple[int | None, int | None]) -> Value:
    low, high = pair
    return Numbers(high, low) if low is not None and high is not None and low > high else Numbers(low, high)


_bounds = st.sampled_from((*STATUSES, *HUGE))
numbers = st.one_of(
    st.tuples(_bounds, _bounds), st.tuples(_bounds, st.none()), st.tuples(st.none(), _bounds),
    st.sampled_from((200, 400, 403)).map(lambda status: (status, status)),
    st.integers(0, 12).map(lambda hundred: (hundred * 100, hundred * 100 + 99)),
).map(_numbers)  # fmt: skip

offsets = st.sampled_from((0, 0, 60, -300, 345, 1_439, -1_439))
_near = st.sampled_from((-(10**14), -86_400_000_000, -1, 0, 1, 1_000_000)).map(lambda us: NOON_US + us)
instants: st.SearchStrategy[Moment] = st.builds(
    Instant, st.one_of(_near, _near, st.integers(-(10**16), 10**17)), offsets
)
clocks: st.SearchStrategy[Moment] = st.builds(
    Clock, st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1))
)
days: st.SearchStrategy[Moment] = st.builds(Day, st.dates(min_value=date(2, 1, 2), max_value=date(9998, 1, 1)))
_days_by_name = st.sampled_from(("today", "yesterday", "nov-01", "feb-29", "dec-31"))
words: st.SearchStrategy[Moment] = st.one_of(
    st.builds(Named, _days_by_name, st.none(), st.sampled_from((None, 0))),
    st.builds(Named, _days_by_name | st.just(""), st.times(), st.none() | offsets),
    st.just(Named("now")),
    st.builds(Ago, st.integers(1, 10_000), st.sampled_from("smhdw")),
)


def _ordered(pair: tuple[Moment, Moment]) -> Value:
    low, high = pair
    if isinstance(low, Instant) and isinstance(high, Instant) and low.us > high.us:
        low, high = high, low
    return Times(low, high)


def times(moments: st.SearchStrategy[Moment]) -> st.SearchStrategy[Value]:
    return st.one_of(
        st.tuples(moments, moments).map(_ordered),
        st.builds(Times, moments, st.none(), st.booleans()),
        st.builds(Times, st.none(), moments, st.booleans()),
        st.tuples(moments, st.integers(1, 10_000)).map(_around),
    )


def _around(pair: tuple[Moment, int]) -> Value:
    moment, seconds = pair
    named = isinstance(moment, Named) and (moment.at is not None or moment.word == "now")
    return Times(moment, moment, around=seconds) if named or isinstance(moment, Ago) else Times(moment, None)


_addresses: st.SearchStrategy[Value] = st.one_of(
    st.sampled_from(ADDRESSES).map(Address),
    st.sampled_from(NETWORKS).map(Network),
    (st.sampled_from(ADDRESSES) | hostile).filter(lambda text: not as_servers_spell(text)).map(Text),
)
_lengths: st.SearchStrategy[Value] = st.builds(Ago, st.integers(1, 10_000), st.sampled_from("smhdw"))


def _is_tag(value: Value) -> bool:
    """A tag is written without `#`."""
    first = value.text or "#" if isinstance(value, Text) else value.pieces[0] if isinstance(value, Glob) else "#"
    return not first.startswith("#")


VALUES: dict[str, st.SearchStrategy[Value]] = {
    **{
        key: st.one_of(_whole(key), _globs(key)) for key in ("action", "actor", "actor.type", "method", "target.type")
    },
    "target": st.one_of(_whole("target"), _globs("target"), st.just(Nothing())),
    "actor.name": _part("actor.name"),
    "ua": _part("ua"),
    "path": st.one_of(_part("path"), st.sampled_from(PATTERNS).map(Regex)),
    "ip": _addresses,
    "status": numbers,
    "marked": st.sampled_from(("yes", "no")).map(Text),
    "tag": st.one_of(_whole("tag"), _globs("tag")).filter(_is_tag),
    "note": _part("note"),
}

# -- queries -----------------------------------------------------------------------------------------------------


def _terms(key: str, values: st.SearchStrategy[Value], most: int = 3) -> st.SearchStrategy[Term]:
    lists = st.lists(values, min_size=1, max_size=1) | st.lists(values, min_size=1, max_size=most)
    return st.builds(Term, st.just(key), lists.map(tuple), st.booleans())


_plain = st.one_of(
    *(_terms(key, values) for key, values in VALUES.items()),
    _terms("", st.one_of(*(_part(key) for key in ("ua", "path", "id"))), most=1),
)
_sorts = st.lists(
    st.builds(By, st.sampled_from(("created", "status", "actor", "path", "id")), st.booleans()),
    min_size=1,
    max_size=3,
    unique_by=lambda by: by.field,
).map(lambda order: Term("sort", tuple(order)))
_ids = _terms("id", _whole("id"))


@st.composite
def _queries(draw: st.DrawFn, timed: st.SearchStrategy[Term]) -> Query:
    terms = draw(st.lists(st.one_of(_plain, _plain, timed), max_size=3))
    terms += draw(st.lists(_ids, max_size=1)) if draw(st.integers(0, 3)) == 0 else []
    terms += draw(st.lists(_sorts, max_size=1))
    return Query(tuple(draw(st.permutations(terms))))


frozen_queries = _queries(_terms("created", times(instants)))
"""Frozen queries, whose times are instants."""

queries = _queries(
    st.one_of(_terms("created", times(st.one_of(instants, clocks, days, words))), _terms("last", _lengths, most=1))
)
"""Queries as users type them."""

ignored_sets = st.frozensets(st.sampled_from((*PARAMETERS, "sort")))

_snippets = st.sampled_from((
    " ", "  ", "\t", "\u3000", "-", ":", ",", '"', "\\", "~", "*", "<", ">", "=", "..", "/", "/v1", "action:", "ip:",
    "path:", "path:~", "status:", "created:", "last:", "sort:", "id:", "target:", "none", "method:", "foo:", "403",
    "5xx", "2026-11-22", "T06:00", "+01:00", "Z", "24h", "203.0.113.7", "[.]", "::1", "/24", "http://x", "today",
    "created", "(a", "[", "{1000}", "\\N{x}", "\ud800", "0" * 101, "é", "\x00", "\n", "=", "!=", " AND ", " or ",
    "not ", "(", ")", "'", "“", "–", "\u200b", "since:", "user=", " eq ", "|",
    "±1m", " to ", " UTC", "10:00", "ago", "nov 1",
))  # fmt: skip
typed = st.lists(_snippets | st.text(max_size=3), max_size=10).map("".join)
"""Lines of random pieces of the language, most of them malformed."""
