"""Which keys and users must be revoked, in which order, and why there may be more."""

from __future__ import annotations

from dataclasses import replace

from auditlog_tui.analysis.gathering import Basis, Figure
from auditlog_tui.analysis.lineage import Creation, Identity, State, Survival
from auditlog_tui.analysis.revocation import family, revocation
from auditlog_tui.analysis.who import Report, Subject

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
    assert revocation(replace(whole, done=False)).doubts == ("not everything was asked yet",)
    assert revocation(replace(whole, basis=Basis.LOADED)).doubts == ("not all entries are loaded",)
    partial = replace(whole, basis=Basis.LOADED, partial={"s": ("api_key.created", "user.created")})
    assert revocation(partial).doubts == ("s is not loaded in full, only its api_key.created and user.created",)
    assert revocation(replace(whole, lineage_unasked=3)).doubts == ("3 not asked about: at most 100 are",)
    assert revocation(replace(whole, unsure=1)).doubts == ("1 entry can't be read in full",)
    summary = replace(whole.summary, untold_creations=2)
    assert revocation(replace(whole, summary=summary)).doubts == ("2 creations without a readable target or status",)
    loaded = replace(whole.lineage[0], children=Figure(0, Basis.LOADED))
    assert revocation(report(loaded)).doubts == ("1 identity not known in full",)
