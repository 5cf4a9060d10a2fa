"""Writes a report on an actor, an address or a target: text of at most 100 columns, or one JSON object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import chain
from textwrap import wrap

from auditlog_tui.analysis.gathering import Basis, Figure, When
from auditlog_tui.analysis.lineage import Creator, Identity, State, Survival
from auditlog_tui.analysis.names import NameSearch
from auditlog_tui.analysis.pivots import is_id
from auditlog_tui.analysis.revocation import Revocation, revocation
from auditlog_tui.analysis.who import (
    AS_FAR_AS_HERE,
    HOUR_US,
    Bar,
    Deeds,
    Deletion,
    Report,
    Seen,
    Session,
    Subject,
    incomplete,
    notes,
)
from auditlog_tui.entries.raw_json import Json
from auditlog_tui.evidence.fields import json_line
from auditlog_tui.text.cells import fit, shorten_end, shorten_middle
from auditlog_tui.text.glyphs import Glyphs
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import counted, distance, format_time, moment, rfc3339, zone_label

WIDTH = 100
"""Columns of the text."""

MOST_LINES = 20
"""Lines of a section in the text; what is left to revoke and the lineage are never cut."""

VALUE = 60
"""Cells of a value in a section."""


# -- JSON ----------------------------------------------------------------------------------------------------------


def who_json(report: Report, zone: tzinfo) -> str:
    """The report as one JSON object on one line; times are RFC 3339 in UTC."""
    summary, subject = report.summary, report.subject
    return json_line({
        "subject": {
            "kind": subject.kind, "value": subject.value, "name": report.name, "type": report.type,
            "filter": subject.filter,
        },
        "as_of": _at(report.as_of_us),
        "exact": report.exact,
        "basis": _BASES[report.basis],
        "loaded": report.loaded,
        "total": _figure(report.total),
        "refused_total": _figure(report.refused),
        "first": _when(report.first),
        "last": _when(report.last),
        "log_begins": _when(report.began),
        "survival": _survival(report.survival) if subject.kind != "ip" else None,
        "created_by": [_creator(each) for each in report.ancestors],
        "succeeded": [_deeds(each) for each in summary.succeeded],
        "refused": [_deeds(each) for each in summary.refused],
        "unknown": [_deeds(each) for each in summary.unknown],
        "actors": [_seen(each) for each in summary.actors],
        "addresses": [_seen(each) for each in summary.addresses],
        "agents": [_seen(each) for each in summary.agents],
        "sessions": [_session(each) for each in summary.sessions],
        "strip": {
            "seconds": summary.strip_step_us // 1_000_000,
            "bars": [_bar(each) for each in summary.strip],
        },
        "deleted": [_deletion(each) for each in summary.deleted],
        "created": [
            {**_created(each.creation.target, each.creation.kind, each.creation.action, each.creation.us),
             **_survival(each.survival), "filter": each.filter}
            for each in report.created
        ],
        "lineage": [_identity(each) for each in report.lineage],
        "to_revoke": _to_revoke(revocation(report)) if subject.kind != "target" else None,
        "notes": list[Json]([*filter(None, [incomplete(report)]), *notes(report, zone)]),
    })  # fmt: skip


_BASES = {Basis.EXACT: "exact", Basis.HERE: "loaded", Basis.LOADED: "loaded", Basis.UNKNOWN: "unknown"}
_STATES = {State.DELETED: "deleted", State.KEPT: "not deleted", State.UNKNOWN: "unknown"}

_Object = dict[str, Json]


def _at(us: int | None) -> str | None:
    return None if us is None else rfc3339(us)


def _figure(figure: Figure) -> _Object:
    return {"n": figure.n, "basis": _BASES[figure.basis]}


def _when(when: When) -> _Object:
    return {"at": _at(when.us), "basis": _BASES[when.basis]}


def _survival(survival: Survival) -> _Object:
    return {
        "state": _STATES[survival.state], "deleted_at": _at(survival.us), "deleted_by": survival.by,
        "deleted_by_name": survival.name, "reason": survival.reason or None,
    }  # fmt: skip


def _created(target: str, kind: str | None, action: str, us: int | None) -> _Object:
    return {"id": target, "type": kind, "action": action, "created_at": _at(us)}


def _creator(creator: Creator) -> _Object:
    made = creator.creation
    return {
        "id": creator.created, "by": made and made.by, "by_name": creator.name, "action": made and made.action,
        "created_at": _at(made.us if made else None), "address": made and made.address,
        "reason": creator.reason or None,
    }  # fmt: skip


def _deeds(deeds: Deeds) -> _Object:
    return {
        "action": deeds.action, "severity": deeds.severity, "n": deeds.n, "first": _at(deeds.first_us),
        "last": _at(deeds.last_us), "filter": deeds.filter,
    }  # fmt: skip


def _seen(seen: Seen) -> _Object:
    return {
        "value": seen.value, "name": seen.name, "n": seen.n, "first": _at(seen.first_us), "last": _at(seen.last_us),
        "novel": seen.novel, "filter": seen.filter,
    }  # fmt: skip


def _session(session: Session) -> _Object:
    return {
        "actor": session.actor, "address": session.address, "agent": session.agent, "first": _at(session.first_us),
        "last": _at(session.last_us), "n": session.n, "refused": session.refused, "worst": session.worst,
        "worst_succeeded": session.worst_succeeded, "filter": session.filter,
    }  # fmt: skip


def _bar(bar: Bar) -> _Object:
    return {"start": rfc3339(bar.start_us), "n": bar.n, "refused": bar.refused}


def _deletion(deletion: Deletion) -> _Object:
    return {
        "id": deletion.target, "type": deletion.kind, "action": deletion.action, "deleted_at": _at(deletion.us),
        "deleted_by": deletion.by, "filter": deletion.filter,
    }  # fmt: skip


def _identity(identity: Identity) -> _Object:
    made = identity.creation
    return {
        **_created(made.target, made.kind, made.action, made.us), "name": identity.name, "depth": identity.depth,
        "created_by": made.by, **_survival(identity.survival), "used": _figure(identity.used),
        "never_used": identity.never_used, "first": _when(identity.first), "last": _when(identity.last),
        "refused": _figure(identity.refused), "destructive": _figure(identity.destructive),
        "created": _figure(identity.children),
    }  # fmt: skip


def _to_revoke(found: Revocation) -> _Object:
    return {
        "n": len(found.ids), "all": not found.doubts, "of": found.of,
        "identities": [
            {"id": each.id, "name": each.name, "type": each.type, "why": each.why, **_survival(each.survival)}
            for each in found.suspects
        ],
        "doubts": [{"text": str(each), "filter": each.filter or None} for each in found.doubts],
    }  # fmt: skip


# -- text ----------------------------------------------------------------------------------------------------------


def who_text(
    report: Report, zone: tzinfo, glyphs: Glyphs, where: Callable[[str], str] = lambda address: ""
) -> list[str]:
    """The report as lines of at most `WIDTH` cells; `where` tells an address's location, empty if it is unknown."""
    text = _Text(report, zone, glyphs, where)
    return [shorten_end(line, WIDTH, glyphs.ellipsis).rstrip() for line in text.lines()]


@dataclass(frozen=True, slots=True)
class _Text:
    report: Report
    zone: tzinfo
    glyphs: Glyphs
    where: Callable[[str], str]

    def lines(self) -> Iterator[str]:
        report, summary = self.report, self.report.summary
        yield from wrap(safe(incomplete(report), 1_000), WIDTH, subsequent_indent="  ")
        yield from self._head()
        yield from self._to_revoke()
        yield from self._section("succeeded", map(self._deeds, summary.succeeded), unit="kind")
        yield from self._section("refused or failed", map(self._deeds, summary.refused), unit="kind")
        yield from self._section("unclear outcome", map(self._deeds, summary.unknown), unit="kind")
        if report.subject.kind != "actor":
            yield from self._section("actors", map(self._seen, summary.actors))
        if report.subject.kind != "ip":
            yield from self._section("addresses", map(self._address, summary.addresses))
        yield from self._section("agents", map(self._seen, summary.agents))
        yield from self._section("sessions, newest first", map(self._session, summary.sessions))
        yield from self._section("deleted", [self._deletion(each) for each in reversed(summary.deleted)])
        yield from self._created()
        yield from self._lineage()
        said = notes(report, self.zone)
        yield from ["", "notes"] if said else []
        for note in said:
            yield from wrap(safe(note, 300), WIDTH, initial_indent="  ", subsequent_indent="    ")

    def _head(self) -> Iterator[str]:
        report, summary, dot = self.report, self.report.summary, f" {self.glyphs.separator} "
        kind = {"actor": "actor", "ip": "address", "target": "target"}[report.subject.kind]
        named = [safe(each, VALUE) for each in (report.name, report.type) if each]
        yield dot.join([*named, f"{kind} {self._value(report.subject.value)}"])
        if report.subject.kind == "ip" and (where := self.where(report.subject.value)):
            yield f"  location  {where}"
        if report.as_of_us is not None:
            yield f"  as of     {self._time(report.as_of_us)} {zone_label(self.zone, report.as_of_us)}"
        yield f"  entries   {report.total}{dot}{report.refused} refused or failed"
        yield f"  first     {self._when(report.first)}"
        yield f"  last      {self._when(report.last)}"
        if report.first.us is not None and report.last.us is not None:
            yield f"  span      {distance(report.last.us - report.first.us)}"
        if report.subject.kind != "ip":
            yield f"  state     {self._survival(report.survival)}"
        for each in report.ancestors:
            yield f"  origin    {self._creator(each)}"
        if summary.strip:
            unit = "hour" if summary.strip_step_us == HOUR_US else "day"
            yield f"  by {unit:<6} {self._strip()}"

    def _to_revoke(self) -> Iterator[str]:
        """What must be revoked, as the screen says it."""
        if self.report.subject.kind == "target":
            return
        found = revocation(self.report)
        yield from ["", f"to revoke {len(found.ids):,}  {found.of}"]
        for each in found.suspects:
            mark = self.glyphs.unknown if each.survival.state is State.UNKNOWN else self.glyphs.failed
            why = "acted, may be legitimate" if each.why == "acted" else each.why
            named = " ".join(safe(part, 30) for part in (each.name, each.type) if part)
            yield f"{mark} {self._value(each.id):<36} {self._fit(why, 24)} {named}".rstrip()
        for doubt in found.doubts:
            said = f"perhaps not all: {safe(str(doubt), 600)}"
            yield from wrap(said, WIDTH, initial_indent="  ", subsequent_indent="    ")

    def _strip(self) -> str:
        """A bar for each hour or day from the first to the last, the last `WIDTH` or so of them."""
        summary, bars = self.report.summary, self.glyphs.bars
        counts = {each.start_us // summary.strip_step_us: each.n for each in summary.strip}
        last, most = max(counts), max(counts.values())
        first = max(min(counts), last - (WIDTH - 16))
        shown = [counts.get(at, 0) for at in range(first, last + 1)]
        return "".join(bars[-(-n * (len(bars) - 1) // most)] for n in shown)

    def _section(self, title: str, lines: Iterable[str], *, cut: bool = True, unit: str = "") -> list[str]:
        """The lines under a title with their number, which counts a `unit` if the title doesn't say what."""
        found = list(lines)
        if not found:
            return []
        shown = found[:MOST_LINES] if cut else found
        lines = chain.from_iterable(each.splitlines() for each in shown)
        more = [f"  {self.glyphs.ellipsis} {len(found) - len(shown):,} more: --format json has all"]
        n = counted(len(found), unit) if unit else f"{len(found):,}"
        head = f"{title} ({n}{self.report.basis.suffix})"
        return ["", head, *lines, *(more if len(shown) < len(found) else [])]

    def _deeds(self, deeds: Deeds) -> str:
        span = self._span(deeds.first_us, deeds.last_us)
        return f"  {deeds.severity:<8}{self._fit(deeds.action, 36)}{deeds.n:>9,}  {span}"

    def _seen(self, seen: Seen, more: str = "") -> str:
        """A value, and below it what else is known of it: `more`, else its name."""
        novel = seen.novel and self.report.subject.kind != "target"  # almost all of a target's actors are
        mark = self.glyphs.novel if novel else " "
        line = f"{mark} {self._fit(seen.value, 44)}{seen.n:>9,}  {self._span(seen.first_us, seen.last_us)}"
        more = more or safe(seen.name or "", VALUE)
        return f"{line}\n    {more}" if more else line

    def _address(self, seen: Seen) -> str:
        return self._seen(seen, self.where(seen.value) if seen.value else "")

    def _session(self, session: Session) -> str:
        which = [session.actor if self.report.subject.kind != "actor" else None, session.address, session.agent]
        parts = [each for each in which if each]
        width = (29 - max(0, len(parts) - 1)) // max(1, len(parts))
        who = " ".join(self._fit(each, width) for each in parts)
        worst = f"{'' if session.worst_succeeded else self.glyphs.refused}{session.worst or '?'}"
        refused, below = f"{session.refused:>5,}{self.glyphs.refused}", ""
        if not session.refused:
            refused = " " * 6
        elif session.worst_succeeded:  # the mark must not stand beside what succeeded
            others = " and others" if session.refused_others else ""
            below = f"\n{'':39}{refused} {self._fit(session.worst_refused, VALUE - 20).rstrip()}{others}"
            refused = " " * 6
        return (
            f"  {self._time(session.first_us)} {distance(session.last_us - session.first_us):>10}"
            f" {session.n:>6,} {refused} {self._fit(worst, 22)} {self._fit(who, 29)}{below}"
        )

    def _deletion(self, deletion: Deletion) -> str:
        by = "" if self.report.subject.kind == "actor" else f" by {self._fit(deletion.by, 22)}"
        return f"  {self._time(deletion.us)} {self._fit(deletion.kind, 14)} {self._fit(deletion.target, 36)}{by}"

    def _created(self) -> list[str]:
        left = [each for each in self.report.created if each.survival.state is not State.DELETED]
        lines = [
            f"  {self._time(each.creation.us)} {self._fit(each.creation.kind, 16)}"
            f" {self._fit(each.creation.target, 36)} {self._survival(each.survival, brief=True)}"
            for each in reversed(left)
        ]
        so_far = AS_FAR_AS_HERE if self.report.lacks else "as far as this log tells"
        title = f"created, and not deleted since {so_far}"
        return self._section(title, lines, cut=False)

    def _lineage(self) -> Iterator[str]:
        lineage = self.report.lineage
        if lineage:
            by = "were created from here" if self.report.subject.kind == "ip" else "it created"
            yield ""
            yield f"keys, users and others that {by}, theirs in turn ({len(lineage):,})"
        for each in lineage:
            dot, indent = f" {self.glyphs.separator} ", "  " * min(each.depth, 10)
            made = each.creation
            mark = self.glyphs.ok if each.survival.state is State.DELETED else self.glyphs.failed
            named = [safe(part, 40) for part in (each.name, made.kind) if part]
            yield f"{mark}{indent}{dot.join([self._value(made.target), *named])}"
            yield f" {indent}created {self._time(made.us)} by {self._value(made.by)}"
            yield f" {indent}{self._survival(each.survival)}"
            yield from (f" {indent}{line}" for line in self._use(each))

    def _use(self, identity: Identity) -> list[str]:
        if identity.never_used:
            return ["never used"]
        used, dot = identity.used, f" {self.glyphs.separator} "
        if not used.n:
            among = used.basis.suffix or " loaded"
            return [f"use unknown: {'none' if used.n == 0 else 'not asked'} among what is{among}"]
        span = self._span(identity.first.us, identity.last.us)
        figures = (identity.refused, "refused"), (identity.destructive, "destructive"), (identity.children, "created")
        return [
            f"used in {used} {'entry' if used.n == 1 else 'entries'}, {span}",
            dot.join(f"{figure} {what}" for figure, what in figures),
        ]

    # -- parts -------------------------------------------------------------------------------------------------

    def _creator(self, creator: Creator) -> str:
        made = creator.creation
        if made is None:
            return f"{self._value(creator.created)}: {safe(creator.reason, 80)}"
        named = f"{safe(creator.name, 30)} " if creator.name else ""
        return f"{self._value(creator.created)} created {self._time(made.us)} by {named}{self._value(made.by)}"

    def _survival(self, survival: Survival, *, brief: bool = False) -> str:
        if survival.state is State.DELETED:
            named = f"{safe(survival.name, 30)} " if survival.name and not brief else ""
            return f"deleted {self._time(survival.us)} by {named}{self._value(survival.by)}"
        if survival.state is State.UNKNOWN:
            return f"unknown: {safe(survival.reason, 120)}"
        return "" if brief else f"not deleted {survival.reason or 'as far as this log tells'}"

    def _when(self, when: When) -> str:
        zone = f" {zone_label(self.zone, when.us)}" if when.us is not None else ""
        if when.us is None:
            return "none" if when.basis is Basis.EXACT else "unknown"
        return f"{self._time(when.us)}{zone}{'' if when.basis is Basis.EXACT else f' ({when.basis.value})'}"

    def _span(self, first: int | None, last: int | None) -> str:
        return self._time(first) if first == last else f"{self._time(first)} ~ {self._time(last)}"

    def _time(self, us: int | None) -> str:
        return "?" if us is None else format_time(us, "local", us, self.zone)

    def _value(self, text: str | None) -> str:
        return "?" if text is None else shorten_middle(safe(text, 200), VALUE, self.glyphs.ellipsis)

    def _fit(self, text: str | None, width: int) -> str:
        shown = shorten_middle(safe(text, 200), width, self.glyphs.ellipsis) if text is not None else "(none)"
        return fit(shown, width, ellipsis=self.glyphs.ellipsis)


def missing_from(report: Report) -> str:
    """A sentence on why a report is not exact; empty if it is."""
    if report.exact:
        return ""
    if report.lacks:
        return incomplete(report)
    return "Incomplete: not everything in this report is of all entries of the log; its notes and lines say what."


# -- names ---------------------------------------------------------------------------------------------------------

MOST_NAMED = 20
"""Actors of one name that are listed."""


def has_name(subjects: Sequence[Subject]) -> bool:
    """Whether what was typed may be an actor's name: no address, no target and no UUID, which IDs are."""
    return subjects[0].kind == "actor" and not is_id(subjects[0].value)


def nobody(subjects: Sequence[Subject], search: NameSearch | None, *, sure: bool, lacks: str = "") -> str:
    """A sentence: no entry is known to be about what was typed; `search` looked for the name.

    `lacks` says why the source may lack entries of the log.
    """
    here = " here" if lacks else ""
    what = "address" if subjects[0].kind == "ip" else "ID"
    if not sure:
        named = "" if search is None else " or actor's name"
        return f"No entry is known to have this {what}{named}, but not every entry could be read."
    if search is None:
        return f"No entry{here} has this {what}."
    if search.without_id:
        entries = counted(search.without_id, "entry has", "entries have")
        return f"No entry{here} has this ID. {entries} this actor's name, but no ID of the actor."
    return f"No entry{here} has this ID, and no actor{here} has this name."


def choice(search: NameSearch, missing: str, zone: tzinfo) -> str:
    """Lines that list the actors of a name and ask to choose one."""
    found = list(search.found.values())
    lines = [f"{counted(len(found), 'actor')} have the name {safe(search.name, 60)}. Take one by its ID:"]
    for each in found[:MOST_NAMED]:
        last = "" if each.last_us is None else f", the last {moment(each.last_us, zone)}"
        under = f"{counted(each.entries, 'entry', 'entries')} under this name{last}"
        lines.append(f"  {safe(each.id, 200)}  {safe(each.type or '?', 40)}  {under}")
    more = len(found) - MOST_NAMED
    return "\n".join([*lines, *([f"  and {more:,} more"] if more > 0 else []), *([missing] if missing else [])])
