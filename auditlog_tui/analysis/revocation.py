"""What must be revoked: the keys, users and others of a report that are not deleted, and whether those are all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from auditlog_tui.analysis.gathering import MOST_KEPT
from auditlog_tui.analysis.lineage import MOST_IDENTITIES, Identity, State, Survival
from auditlog_tui.analysis.who import Report, Subject
from auditlog_tui.text.times import counted

Why = Literal["itself", "created", "acted"]


@dataclass(frozen=True, slots=True)
class Suspect:
    """An identity that is not known to be deleted.

    `why` it is listed: it is the subject `itself`, was `created` by the subject or from the address, or `acted` from
    the address and may be legitimate.
    """

    id: str
    name: str | None
    type: str | None
    why: Why
    survival: Survival


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why there may be more to revoke. `settle` says what settles it; `filter` finds the entries in question."""

    text: str
    settle: str = ""
    filter: str = ""

    def __str__(self) -> str:
        return f"{self.text}; {self.settle}" if self.settle else self.text


@dataclass(frozen=True, slots=True)
class Revocation:
    """What acts or was made to act and is not known to be deleted, creators before what they created.

    `of` says in a few words what the list is of, and whether it is all of it. It is all if there is no doubt.
    """

    suspects: tuple[Suspect, ...]
    of: str
    doubts: tuple[Doubt, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(each.id for each in self.suspects)

    @property
    def unknown(self) -> int:
        """How many of them may be deleted already."""
        return sum(each.survival.state is State.UNKNOWN for each in self.suspects)

    def number(self, why: Why) -> int:
        return sum(each.why == why for each in self.suspects)


def revocation(report: Report) -> Revocation:
    """What must be revoked: an actor itself and what it created, theirs in turn, or who acted from an address."""
    subject, found = report.subject, list[Suspect]()
    if subject.kind == "actor":
        found.append(Suspect(subject.value, report.name, report.type, "itself", report.survival))
    found += [
        Suspect(each.creation.target, each.name, each.creation.kind, "created", each.survival)
        for each in family(report.lineage)
    ]
    found += [Suspect(each.actor, each.name, each.type, "acted", each.survival) for each in report.acted]
    alive: dict[str, Suspect] = {}
    for each in found:
        if each.survival.state is not State.DELETED:
            alive.setdefault(each.id, each)
    suspects = tuple(alive.values())
    doubts = tuple(_doubts(report))
    return Revocation(suspects, _of(report, suspects, doubts), doubts)


def family(lineage: Sequence[Identity]) -> list[Identity]:
    """The identities of a report with each one's own below it, oldest first."""
    below: dict[str | None, list[Identity]] = {}
    depths = {each.creation.target: each.depth for each in lineage}
    for each in lineage:
        parent = each.creation.by if depths.get(each.creation.by or "", each.depth) < each.depth else None
        below.setdefault(parent, []).append(each)
    found: list[Identity] = []
    waiting = _latest_first(below.get(None, ()))
    while waiting:
        each = waiting.pop()
        found.append(each)
        waiting += _latest_first(below.get(each.creation.target, ()))
    return found


def _latest_first(identities: Sequence[Identity]) -> list[Identity]:
    return sorted(identities, key=lambda each: (each.creation.us is None, each.creation.us or 0), reverse=True)


def _of(report: Report, suspects: Sequence[Suspect], doubts: Sequence[Doubt]) -> str:
    """What the list is of, and whether it is all of it."""
    trust = "all" if not doubts else "perhaps not all" if report.done else "so far"
    if not (report.done or suspects):
        return "not known yet"
    maybe = sum(each.survival.state is State.UNKNOWN for each in suspects)
    unknown = f", {maybe:,} of them perhaps deleted" if maybe else ""
    if report.subject.kind == "ip":
        made = sum(each.why == "created" for each in suspects)
        acted = f"{len(suspects) - made:,} acted from here, {'no deletion found' if report.lacks else 'not deleted'}"
        return f"{trust}{unknown}: {made:,} created from here, {acted}"
    itself = ["itself"] if any(each.why == "itself" for each in suspects) else []
    if not report.lineage:
        return f"{trust}{unknown}: {'itself' if itself else 'nothing known' if doubts else 'nothing'}"
    left = len(suspects) - len(itself)
    created = counted(len({each.creation.target for each in report.lineage}), "key or user", "keys and users")
    parts = [*itself, f"{left:,} of {created} created by it, theirs in turn"]
    return f"{trust}{unknown}: {', and '.join(parts)}"


def _doubts(report: Report) -> list[Doubt]:
    """Why a report may lack something that must be revoked."""
    found = [] if report.done else [Doubt("not everything was asked yet")]
    if report.lacks:
        found.append(Doubt("entries of the log may be missing"))
    if report.subject.kind == "target":
        return found
    partial = report.partial or {}
    if not report.basis.all_here and report.subject.value not in {*partial, *report.settled}:
        found.append(Doubt("only the loaded entries are known", "the whole log, loaded in full, settles it"))
    found += [_partial(report, value, actions) for value, actions in partial.items()]
    lacking = [each for each in report.lineage if not each.children.basis.all_here]
    if missing := [each for each in lacking if each.creation.target not in partial]:
        what = counted(len(missing), "identity's", "identities'")
        found.append(Doubt(f"not all of {what} entries are known, so what they created may be missing"))
    if report.lineage_unasked:
        found.append(Doubt(f"{report.lineage_unasked:,} created were not asked about: at most {MOST_IDENTITIES} are"))
    found += _unreadable(report)
    return found


def _partial(report: Report, value: str, actions: Sequence[str]) -> Doubt:
    """What may be missing of an actor or an address with too many entries."""
    subject, total = report.subject, report.total.n
    known = f"; all its {' and '.join(actions)} are" if actions else ""
    if value == subject.value:
        whose = "from here" if subject.kind == "ip" else f"of {report.name or value}"
        of = f"the {total or 0:,}" if report.lacks else report.total
        read = f"{report.loaded:,} of {of} entries {whose} are read{known}"
        query, acted = subject.filter, ", and who acted from here," if subject.kind == "ip" else ""
    else:
        identity = next((each for each in report.lineage if each.creation.target == value), None)
        total = identity.used.n if identity else None
        read = f"not all entries of {identity.name or value if identity else value} are read{known}"
        query, acted = Subject("actor", value).filter, ""
    settle = f"the filter {query}, loaded in full, settles it"
    if total is not None and total > MOST_KEPT:
        query = f"{query} action:*.created status:2xx"
    if report.lacks or (total is not None and total > MOST_KEPT):
        settle = f"the filter {query} finds these"
    other = "by another action" if actions else "in the others"
    return Doubt(f"{read}. What was created {other}{acted} may be missing", settle, query)


def _unreadable(report: Report) -> list[Doubt]:
    found = []
    if report.untold_creations:
        what = counted(report.untold_creations, "creation")
        found.append(Doubt(f"{what} without a readable target or status", "their entries may tell"))
    if unsure := report.unsure + sum(each.unsure for each in report.lineage):
        found.append(Doubt(f"{counted(unsure, 'entry', 'entries')} can't be read in full"))
    if report.acted_unnamed:
        who = counted(report.acted_unnamed, "entry", "entries")
        found.append(Doubt(f"{who} from here without a readable actor"))
    return found
