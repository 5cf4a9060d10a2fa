"""What must be revoked: the keys, users and others of a report that are not deleted, and whether those are all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditlog_tui.analysis.gathering import Basis
from auditlog_tui.analysis.lineage import MOST_IDENTITIES, Identity, State
from auditlog_tui.analysis.who import Report
from auditlog_tui.text.times import counted


@dataclass(frozen=True, slots=True)
class Revocation:
    """IDs of what acts or was made to act and is not known to be deleted, creators before what they created.

    `unknown` of them may be deleted already. `doubts` says why there may be more, each in a few words; empty if the
    list is complete as far as the log tells.
    """

    ids: tuple[str, ...]
    unknown: int
    doubts: tuple[str, ...]


def revocation(report: Report) -> Revocation:
    """What must be revoked of a subject: an actor itself, and what it created, theirs in turn."""
    found = [(report.subject.value, report.survival.state)] if report.subject.kind == "actor" else []
    found += [(each.creation.target, each.survival.state) for each in family(report.lineage)]
    alive = {name: state for name, state in found if state is not State.DELETED}
    unknown = sum(state is State.UNKNOWN for state in alive.values())
    return Revocation(tuple(alive), unknown, tuple(_doubts(report)))


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


def _doubts(report: Report) -> list[str]:
    """Why a report may lack something that must be revoked."""
    found = [] if report.done else ["not everything was asked yet"]
    if report.subject.kind == "target":
        return found
    if report.basis is not Basis.EXACT and report.subject.value not in (report.partial or {}):
        found.append("not all entries are loaded")
    for actor, actions in (report.partial or {}).items():
        known = f", only its {' and '.join(actions)}" if actions else ""
        found.append(f"{actor} is not loaded in full{known}")
    lacking = [each for each in report.lineage if each.children.basis is not Basis.EXACT]
    if missing := [each for each in lacking if each.creation.target not in (report.partial or {})]:
        found.append(f"{counted(len(missing), 'identity', 'identities')} not known in full")
    if report.lineage_unasked:
        found.append(f"{report.lineage_unasked:,} not asked about: at most {MOST_IDENTITIES} are")
    if report.summary.untold_creations:
        found.append(f"{counted(report.summary.untold_creations, 'creation')} without a readable target or status")
    if unsure := report.unsure + sum(each.unsure for each in report.lineage):
        found.append(f"{counted(unsure, 'entry', 'entries')} can't be read in full")
    return found
