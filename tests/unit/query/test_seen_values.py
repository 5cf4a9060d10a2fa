from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.entries.models import Entry
from auditlog_tui.query.seen_values import MOST, Seen, SeenValue
from auditlog_tui.store.entries import EntryStore
from tests.unit.fake import entry, log_of, read
from tests.unit.query.evaluate import texts
from tests.unit.query.strategies import entries

FIELDS = ("action", "actor", "actor.name", "actor.type", "ip", "method", "path", "target", "target.type", "ua")


def seen(*found: dict[str, Any]) -> Seen:
    made = Seen()
    made.take(map(read, found))
    return made


def test_values_come_most_frequent_first_and_with_their_counts() -> None:
    made = seen(*(entry(n, method="GET" if n % 3 else "PUT") for n in range(9)))
    assert made.values("method") == [SeenValue("GET", 6), SeenValue("PUT", 3)]


def test_ids_have_the_names_that_people_know_them_by() -> None:
    made = seen(entry(0), entry(1, actor={"id": "a-2", "type": "user"}))
    assert made.values("actor") == [SeenValue("actor-1", 1, "Alice"), SeenValue("a-2", 1, "")]
    assert made.values("target") == [SeenValue("vm-1", 2, "vm")]


def test_the_latest_name_is_the_one() -> None:
    made = seen(entry(0), entry(1, actor={"id": "actor-1", "name": "Alice Smith"}))
    assert made.values("actor") == [SeenValue("actor-1", 2, "Alice Smith")]


def test_a_field_that_nobody_saw_has_no_values() -> None:
    assert seen(entry(0)).values("nothing") == []
    assert Seen().values("actor") == []


def test_a_status_is_a_value_too() -> None:
    assert seen(entry(0), entry(1, status_code=0)).values("status") == [SeenValue("200", 1), SeenValue("0", 1)]


def test_no_more_values_are_kept_than_it_says_and_the_frequent_ones_stay() -> None:
    made = Seen()
    for start in range(0, 8 * MOST, 100):
        made.take(
            read(entry(n, path=f"/{n}", actor={"id": f"a-{n}", "name": "x"}, method="GET"))
            for n in range(start, start + 99)
        )
        made.take([read(entry(start, path="/always", actor={"id": "always", "name": "Always"}))])
    assert all(len(values) <= 2 * MOST + 100 for values in made._counts.values())
    assert all(len(labels) <= 2 * MOST + 100 for labels in made._labels.values())
    assert len(made.values("path")) == MOST
    assert made.values("path")[0] == SeenValue("/always", 8 * MOST // 100)
    assert made.values("actor")[0].label == "Always"


@given(st.lists(entries, max_size=12))
def test_hostile_entries_are_counted_as_they_are(found: list[Entry]) -> None:
    made = Seen()
    made.take(found)
    for field in FIELDS:
        expected = Counter(value for each in found for value in texts(field, each) if value)
        assert {value.text: value.count for value in made.values(field)} == expected


def test_an_entry_that_comes_again_is_not_counted_again() -> None:
    store = EntryStore()
    for _ in range(3):
        store.add(list(map(read, log_of(5))))
    assert store.seen.values("method") == [SeenValue("POST", 5)]
