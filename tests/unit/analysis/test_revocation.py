"""Which keys and users must be revoked, in which order, and why there may be more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditlog_tui.analysis.gathering import Basis, Figure
from auditlog_tui.analysis.lineage import Creation, Identity, State, Survival
from auditlog_tui.analysis.revocation import family, revocation
from auditlog_tui.analysis.who import Acted, Report, Subject

NONE = Figure(0, Basis.EXACT)
ALIVE, DELETED, UNKNOWN = (Survival(state) for state in (State.KEPT, State.DELETED, State.UNKNOWN))


def identity(name: str, by: str | None, depth: int, us: int = 0, survival: Survival = ALIVE) -> Identity:
    made = Creation(name, "api_key", "api_key.created", us, by, None)
    return Identity(made, depth, survival=survival, used=NONE, children=NONE)


def report(*lineage: Identity, survival: Survival = DELETED, kind: str = "actor") -> Report:
    subject = Subject("actor" if kind == "actor" else "ip", "s")
    return Report(subject, basis=Basis.EXACT, lineage=lineage, survival=survival, done=True)


def names(*lineage: Identity) -> list[str]:
    return [each.creation.target for each in family(lineage)]


def test_creators_stand_before_what_they_created_and_the_oldest_first() -> None:
    found = names(
        identity("b", "s", 1, us=2), identity("a", "s", 1, us=1), identity("b1", "b", 2), identity("a1", "a", 2),
        identity("a11", "a1", 3),
    )  # fmt: skip
    assert found == ["a", "a1", "a11", "b", "b1"]


def test_none_is_lost_whoever_created_it() -> None:
    lineage = [
        identity("itself", "itself", 1), identity("one", "other", 1), identity("other", "one", 1),
        identity("lost", None, 4), identity("late", "absent", 2),
    ]  # fmt: skip
    assert sorted(names(*lineage)) == sorted(each.creation.target for each in lineage)


def test_what_is_deleted_is_not_to_be_revoked_and_what_it_created_is() -> None:
    found = revocation(report(identity("a", "s", 1, survival=DELETED), identity("b", "a", 2)))
    assert (found.ids, found.unknown, found.doubts) == (("b",), 0, ())


def test_the_actor_itself_comes_first_and_an_address_is_never_revoked() -> None:
    assert revocation(report(identity("a", "s", 1), survival=ALIVE)).ids == ("s", "a")
    assert revocation(report(identity("a", "x", 1), survival=UNKNOWN, kind="ip")).ids == ("a",)


def test_what_may_be_deleted_is_listed_and_counted() -> None:
    found = revocation(report(identity("a", "s", 1, survival=UNKNOWN), survival=UNKNOWN))
    assert (found.ids, found.unknown) == (("s", "a"), 2)


def test_every_reason_for_more_is_a_doubt() -> None:
    whole = report(identity("a", "s", 1))
    assert revocation(whole).doubts == ()
    loaded = replace(whole.lineage[0], children=Figure(0, Basis.LOADED))
    for doubtful, said in (
        (replace(whole, done=False), "not everything was asked yet"),
        (replace(whole, basis=Basis.LOADED), "only the loaded entries are known"),
        (replace(whole, lineage_unasked=3), "3 created were not asked about"),
        (replace(whole, unsure=1), "1 entry can't be read in full"),
        (replace(whole, acted_unnamed=1), "1 entry from here without a readable actor"),
        (
            replace(whole, untold_creations=2),
            "2 creations without a readable target or status",
        ),
        (report(loaded), "not all of 1 identity's entries are known"),
    ):
        found = revocation(doubtful)
        (doubt,) = found.doubts
        assert str(doubt).startswith(said)
        assert found.of.startswith("perhaps not all" if doubtful.done else "so far")


@pytest.mark.parametrize(("total", "query"), [(9_000, "actor:s"), (90_000, "actor:s action:*.created status:2xx")])
def test_what_may_be_missing_of_a_busy_actor_is_said_and_what_settles_it(total: int, query: str) -> None:
    partial = replace(
        report(), basis=Basis.LOADED, partial={"s": ("api_key.created", "user.created")}, name="deploy", loaded=2_000,
        total=Figure(total, Basis.EXACT),
    )  # fmt: skip
    (doubt,) = revocation(partial).doubts
    assert doubt.text == (
        f"2,000 of {total:,} entries of deploy are read; all its api_key.created and user.created are. What was"
        " created by another action may be missing"
    )
    assert doubt.filter == query
    assert query in doubt.settle


def acted(name: str, survival: Survival) -> Acted:
    return Acted(name, f"name of {name}", "api_key", 3, 1, survival, ())


def test_who_acted_from_an_address_and_is_not_deleted_is_told_apart() -> None:
    found = revocation(
        replace(
            report(identity("a", "x", 1), kind="ip"),
            acted=(acted("x", DELETED), acted("y", ALIVE), acted("z", UNKNOWN), acted("a", ALIVE)),
        )
    )
    assert [(each.id, each.why) for each in found.suspects] == [("a", "created"), ("y", "acted"), ("z", "acted")]
    assert found.of == "all, 1 of them perhaps deleted: 1 created from here, 2 acted from here, not deleted"
