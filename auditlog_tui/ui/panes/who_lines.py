"""The lines of the page about somebody, in sections, made from a report."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from auditlog_tui.analysis.gathering import Basis, Figure
from auditlog_tui.analysis.lineage import Creator, Identity, State, Survival
from auditlog_tui.analysis.revocation import Doubt, Suspect, family, revocation
from auditlog_tui.analysis.who import (
    HOUR_US,
    Acted,
    Created,
    Deeds,
    Deletion,
    Kind,
    Report,
    Seen,
    Session,
    Subject,
    incomplete,
    notes,
)
from auditlog_tui.entries.actions import RANKS, is_identity, severity
from auditlog_tui.query import Query, format_query
from auditlog_tui.text.cells import cell_width
from auditlog_tui.text.glyphs import actor_glyph
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count, counted, distance, zone_label
from auditlog_tui.ui.look import Look

if TYPE_CHECKING:
    from auditlog_tui.query import Term

_T = TypeVar("_T")

VALUE = 400
"""Characters of a value that are drawn; copying copies all of them."""

MOST_BARS = 60
"""Hours or days of the strip, the last ones."""

ID_CELLS = 36
"""Cells of an ID in a list."""

MOST_NAME = 36
"""Cells of an identity's name."""

LOUD = {"destroy": "bold $text-warning", "access": "bold $text-warning", "read": "$text-muted"}
"""The style of an action by its severity."""

USUAL = 6
"""Sessions from which on what more than half of them did is usual, and not coloured."""

NOT_YET = "not known yet whether a key or user was created {}"

MUTED, WARNING, ERROR = "$text-muted", "$text-warning", "bold $text-error"


@dataclass(frozen=True, slots=True)
class Cell:
    """A text of a line, made safe, in `width` cells (0: as many as it needs).

    Cells with the highest `drop` are left out first where there is no room; those with 0 never are.
    """

    text: str
    style: str = ""
    width: int = 0
    right: bool = False
    drop: int = 0


@dataclass(frozen=True, slots=True)
class WhoLine:
    """A line: `cells`, and `below`, which have a line of their own if both don't fit.

    The cell with the number `flexible` (-1: the last one) is as wide as there is room.

    `filter` finds its entries, which are `entries`. `value` is what copying copies, called `what`. `subject` is whom
    it is about. The only cell of a line that `wraps` takes as many lines of the screen as it needs. A line with none
    of them can't be chosen; `name` identifies the others.
    """

    name: Hashable
    cells: tuple[Cell, ...]
    flexible: int = 0
    below: tuple[Cell, ...] = ()
    filter: str = ""
    entries: Figure | None = None
    value: str = ""
    what: str = ""
    subject: Subject | None = None
    wraps: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A title, what its lines rest on, their number, and the first so many of them.

    `wide` ones take the whole width and are never cut. `unit` is what the number counts, where the title doesn't say.
    """

    title: str
    of: str
    n: int
    first: Callable[[int], Sequence[WhoLine]]
    wide: bool = False
    doubtful: bool = False
    unit: str = ""


def sections(report: Report, look: Look) -> list[Section]:
    """The sections of a report, those without lines left out."""
    return _Page(report, look).sections()


def title(report: Report) -> str:
    """What the page is about, in a few words."""
    kind = {"actor": "actor", "ip": "address", "target": "target"}[report.subject.kind]
    of = "in a log that may lack entries" if report.lacks else "in the whole log"
    return f"who: {kind} {safe(report.name or report.subject.value, 60)}, {of}"


@dataclass(frozen=True, slots=True)
class _Page:
    report: Report
    look: Look

    def sections(self) -> list[Section]:
        report, summary = self.report, self.report.summary
        found = [_wide("", "", list(self._who())), self._lineage()]
        found += [
            self._of_actions("refused or failed", summary.refused, self._refused),
            self._of_actions("succeeded", summary.succeeded, self._succeeded),
            self._of_actions("unclear outcome", summary.unknown, self._unclear),
            self._of_rows("sessions", summary.sessions, self._session),
        ]
        if report.subject.kind != "actor":
            names = min(MOST_NAME, max((cell_width(safe(each.name or "", 60)) for each in summary.actors), default=0))
            found.append(self._of_rows("actors", summary.actors, partial(self._seen, "actor", names=names)))
        if report.subject.kind != "ip":
            found.append(self._of_rows("addresses", summary.addresses, partial(self._seen, "ip")))
        found.append(self._of_rows("agents", summary.agents, partial(self._seen, None)))
        found.append(self._of_rows("deleted", summary.deleted[::-1], self._deletion))
        found += [self._left(), self._notes()]
        return [section for section in found if section.n]

    def _of_rows(self, title: str, found: Sequence[_T], line: Callable[[_T], WhoLine]) -> Section:
        """A section that rests on the subject's rows."""
        exact = self.report.basis is Basis.EXACT
        return _cut(title, self._basis(self.report.basis), found, line, doubtful=not exact)

    def _of_actions(self, title: str, found: Sequence[Deeds], line: Callable[[Deeds], WhoLine]) -> Section:
        """The same with a line for each kind of action: their number is not that of the entries."""
        return replace(self._of_rows(title, found, line), unit="kind" if len(found) == 1 else "kinds")

    def _basis(self, basis: Basis) -> str:
        if basis is Basis.EXACT:
            return "exact"
        return f"of {count(self.report.loaded)}{basis.suffix}"

    # -- who ---------------------------------------------------------------------------------------------------

    def _who(self) -> Iterable[WhoLine]:
        report, subject = self.report, self.report.subject
        dot = f" {self.look.glyphs.separator} "
        if said := incomplete(report):
            yield WhoLine(None, (Cell(safe(said, 2 * VALUE), WARNING),))
        glyph = f"{actor_glyph(report.type, self.look.glyphs)} " if subject.kind == "actor" and report.type else ""
        named = [safe(each, VALUE) for each in (report.name, report.type) if each]
        whom = subject
        if subject.kind == "target" and is_identity(report.type):
            whom = Subject("actor", subject.value)
        value = Cell(safe(subject.value, VALUE), "" if named else "bold")
        cells, below = ((Cell(f"{glyph}{dot.join(named)}", "bold"),), (value,)) if named else ((value,), ())
        if subject.kind == "ip" and (where := self.look.where(subject.value)):
            below = (Cell(where, MUTED),)
        yield WhoLine(
            "who", cells, -1, below, filter=subject.filter,
            entries=report.total, value=subject.value, what=_what(subject.kind), subject=whom,
        )  # fmt: skip
        if report.total.n is not None:
            yield WhoLine("total", (Cell(self._amount()),), -1, (Cell(self._times(), MUTED),),
                          filter=subject.filter, entries=report.total, value=str(report.total.n),
                          what="number of entries")  # fmt: skip
        if bars := self._strip():
            yield WhoLine(None, bars, -1)
        if subject.kind != "ip" and report.basis is not Basis.UNKNOWN:
            yield self._now(report.survival)
            yield from map(self._creator, report.ancestors)

    def _amount(self) -> str:
        """How many entries there are, and how many of them were refused."""
        total, refused = self.report.total, self.report.refused
        entries = f"{counted(total.n or 0, 'entry', 'entries')}{total.basis.suffix}"
        return f"{entries}, {_figure(refused)} refused or failed"

    def _times(self) -> str:
        first, last = self.report.first, self.report.last
        if first.us is None or last.us is None:
            return "no readable time" if first.basis.all_here else "times unknown"
        basis = first.basis if last.basis is Basis.EXACT else last.basis
        of = "" if basis is Basis.EXACT else f", {(Basis.HERE if basis is Basis.HERE else Basis.LOADED).value}"
        span = f"{self._full(first.us)} ~ {self._full(last.us)} {self._zone(last.us)}"
        return f"{span}, {distance(last.us - first.us)}{of}"

    def _zone(self, us: int) -> str:
        return "UTC" if self.look.mode in ("utc", "relative") else zone_label(self.look.zone, us)

    def _strip(self) -> tuple[Cell, ...]:
        """A bar for each hour or day."""
        summary, bars = self.report.summary, self.look.glyphs.bars
        if not summary.strip:
            return ()
        unit = "hour" if summary.strip_step_us == HOUR_US else "day"
        counts = {each.start_us // summary.strip_step_us: each.n for each in summary.strip}
        last, most = max(counts), max(counts.values())
        first = max(min(counts), last - MOST_BARS + 1)
        shown = "".join(bars[-(-counts.get(at, 0) * (len(bars) - 1) // most)] for at in range(first, last + 1))
        cut = f", the last {MOST_BARS}" if first > min(counts) else ""
        each = "an hour" if unit == "hour" else "a day"
        peak = f"at most {counted(most, 'entry', 'entries')} {each}{cut}, {self._basis(self.report.basis)}"
        return Cell(f"by {unit}"), Cell(shown, "$text-accent"), Cell(peak, MUTED)

    def _now(self, survival: Survival) -> WhoLine:
        by = Subject("actor", survival.by) if survival.by else None
        style = MUTED if survival.state is State.DELETED else WARNING
        value = self.report.subject.value
        return WhoLine(
            "now", (Cell(self._survival(survival), style),), filter=Subject("target", value).filter,
            value=survival.by or value, what="ID", subject=by, wraps=True,
        )  # fmt: skip

    def _survival(self, survival: Survival) -> str:
        if survival.state is State.DELETED:
            named = f"{safe(survival.name, 60)} " if survival.name else ""
            return f"deleted {self._full(survival.us)} by {named}{_shown(survival.by)}"
        if survival.state is State.UNKNOWN:
            return f"deleted or not: unknown, {safe(survival.reason, 200)}"
        return f"not deleted, {survival.reason or 'as far as this log tells'}"

    def _creator(self, creator: Creator) -> WhoLine:
        made = creator.creation
        whose = "" if creator.created == self.report.subject.value else f"{_shown(creator.created)} "
        on = Subject("target", creator.created).filter
        if made is None:
            text = Cell(f"{whose}{safe(creator.reason, 200)}", MUTED)
            return WhoLine(("origin", creator.created), (text,), filter=on, value=creator.created, what="ID",
                           wraps=True)  # fmt: skip
        named = f"{safe(creator.name, 60)} " if creator.name else ""
        text = Cell(f"{whose}created {self._full(made.us)} by {named}{_shown(made.by)}")
        by = Subject("actor", made.by) if made.by else None
        return WhoLine(("origin", creator.created), (text,), filter=on, value=made.by or "", what="creator's ID",
                       subject=by, wraps=True)  # fmt: skip

    # -- what must be revoked ----------------------------------------------------------------------------------

    def _lineage(self) -> Section:
        report = self.report
        if report.subject.kind == "target" or report.basis is Basis.UNKNOWN:
            return _wide("to revoke", "", [])
        found, relatives = revocation(report), family(report.lineage)
        own = [each for each in found.suspects if each.why == "itself"]
        names = [*(_name(each.name) for each in own), *map(_named, relatives)]
        kinds = [*(safe(each.type or "", 60) for each in own), *map(_kind, relatives)]
        widths = (
            min(MOST_NAME, max(map(cell_width, names), default=0)),
            min(MOST_NAME, max(map(cell_width, kinds), default=0)),
        )
        lines = [self._itself(each, *widths) for each in own]
        lines += [self._identity(each, *widths) for each in relatives]
        if not relatives:
            where = "from here" if report.subject.kind == "ip" else "by it"
            known = f"no key or user {'is known to be' if found.doubts else 'was'} created {where}"
            lines.append(WhoLine(None, (Cell(known if report.done else NOT_YET.format(where), MUTED),)))
        if acted := [each for each in report.acted if each.survival.state is not State.DELETED]:
            kept = "no deletion found" if report.lacks else "not deleted"
            lines.append(WhoLine(None, (Cell(f"acted from here, {kept}, may be legitimate:", MUTED),)))
            lines += map(self._acted, acted)
        lines += [self._doubt(number, each) for number, each in enumerate(found.doubts)]
        title = f"to revoke {count(len(found.ids)) if report.done or found.ids else '?'}"
        return _wide(title, found.of, lines, doubtful=bool(found.doubts or found.unknown))

    def _doubt(self, number: int, doubt: Doubt) -> WhoLine:
        """Why there may be more; its entries, if a filter finds them."""
        text = (Cell(f"perhaps not all: {safe(str(doubt), VALUE)}", WARNING),)
        if not doubt.filter:
            return WhoLine(None, text)
        return WhoLine(("doubt", number), text, filter=doubt.filter, value=doubt.filter, what="filter",
                       wraps=True)  # fmt: skip

    def _acted(self, acted: Acted) -> WhoLine:
        glyphs, unknown = self.look.glyphs, acted.survival.state is State.UNKNOWN
        kept = "no deletion found" if self.report.lacks else "not deleted"
        cells = (
            Cell(glyphs.unknown if unknown else glyphs.failed, WARNING),
            Cell(_name(acted.name), "bold"),
            Cell(safe(acted.type or "", 60), MUTED, drop=1), Cell(safe(acted.actor, VALUE), "", ID_CELLS),
            Cell("unknown if deleted" if unknown else kept, WARNING, width=19),
        )  # fmt: skip
        below = (
            Cell(f"  {counted(acted.n, 'entry', 'entries')} from here, last {self._brief(acted.last_us)}", MUTED),
        )
        entries = Figure(acted.n, self.report.basis)
        return WhoLine(
            ("acted", acted.actor), cells, 1, below, filter=acted.filter, entries=entries, value=acted.actor,
            what="ID", subject=Subject("actor", acted.actor),
        )  # fmt: skip

    def _itself(self, suspect: Suspect, name: int, kind: int) -> WhoLine:
        """The page's actor, which is one of those to revoke."""
        report, subject = self.report, self.report.subject
        cells = self._revocable(_name(suspect.name), name, safe(suspect.type or "", 60), kind, suspect.id,
                                suspect.survival)  # fmt: skip
        below = (Cell("  itself: whom this page is about", MUTED),)
        return WhoLine(
            ("identity", suspect.id), cells, 1, below, filter=subject.filter, entries=report.total, value=suspect.id,
            what="ID", subject=subject,
        )  # fmt: skip

    def _revocable(
        self, named: str, name: int, kind: str, kind_cells: int, value: str, survival: Survival
    ) -> tuple[Cell, ...]:
        """The cells of an identity: whether it is deleted, its name in `name` cells, its kind and its ID."""
        glyphs, state = self.look.glyphs, survival.state
        mark, style = {
            State.DELETED: (glyphs.ok, MUTED),
            State.KEPT: (glyphs.failed, ERROR),
            State.UNKNOWN: (glyphs.unknown, WARNING),
        }[state]
        kept = "no deletion found" if self.report.lacks else "not deleted"
        told = {State.DELETED: f"deleted {self._brief(survival.us)}", State.KEPT: kept}
        return (
            Cell(mark, style), Cell(named, "" if state is State.DELETED else "bold", name),
            Cell(kind, MUTED, kind_cells, drop=1),
            Cell(safe(value, VALUE), "", ID_CELLS),
            Cell(told.get(state, "unknown if deleted"), style, width=19),
        )  # fmt: skip

    def _identity(self, identity: Identity, name: int, kind: int) -> WhoLine:
        made = identity.creation
        cells = self._revocable(_named(identity), name, _kind(identity), kind, made.target, identity.survival)
        below = (Cell(f"  {_indent(identity)}created {self._brief(made.us)}, {self._use(identity)}", MUTED),)
        whom = Subject("actor", made.target)
        return WhoLine(
            ("identity", made.target), cells, 1, below, filter=whom.filter, entries=identity.used, value=made.target,
            what="ID", subject=whom,
        )  # fmt: skip

    def _use(self, identity: Identity) -> str:
        if identity.never_used:
            return "never used"
        used = identity.used
        if not used.n:
            among = used.basis.suffix or " loaded"
            return f"use unknown: {'none' if used.n == 0 else 'not asked'} among what is{among}"
        last = f", last {self._brief(identity.last.us)}" if identity.last.us is not None else ""
        more = ((identity.refused, "refused"), (identity.destructive, "destructive"), (identity.children, "created"))
        told = "".join(f", {_figure(figure)} {word}" for figure, word in more if figure.n != 0)
        return f"{counted(used.n, 'entry', 'entries')}{used.basis.suffix}{last}{told}"

    # -- what the rows say -------------------------------------------------------------------------------------

    def _refused(self, deeds: Deeds) -> WhoLine:
        return self._deeds(deeds, "refused", Cell(self.look.glyphs.refused, "$text-error"))

    def _succeeded(self, deeds: Deeds) -> WhoLine:
        return self._deeds(deeds, "succeeded", Cell(self.look.glyphs.ok, "$text-success"))

    def _unclear(self, deeds: Deeds) -> WhoLine:
        return self._deeds(deeds, "unclear", Cell(self.look.glyphs.unknown, WARNING))

    def _deeds(self, deeds: Deeds, outcome: str, mark: Cell) -> WhoLine:
        style = LOUD.get(deeds.severity, "")
        cells = (mark, Cell(_shown(deeds.action), style), Cell(count(deeds.n), "bold", 6, right=True),
                 *self._span(deeds.first_us, deeds.last_us))  # fmt: skip
        return self._line((outcome, deeds.action), cells, 1, deeds.terms, deeds.n, deeds.action, "action")

    def _seen(self, kind: Kind | None, seen: Seen, names: int = 0) -> WhoLine:
        """A value; where it has a name, this in `names` cells, and the value beside or below it, uncut."""
        novel = seen.novel and self.report.subject.kind != "target"  # almost all of a target's actors are
        mark = Cell(self.look.glyphs.novel if novel else " ", "$text-accent")
        shown = Cell(safe(seen.name, 60), "", names) if seen.name else Cell(_shown(seen.value))
        where = self.look.where(seen.value) if kind == "ip" and seen.value else ""
        cells = (mark, shown, Cell(count(seen.n), "bold", 6, right=True),
                 *self._span(seen.first_us, seen.last_us))  # fmt: skip
        line = self._line((kind, seen.value), cells, 1, seen.terms, seen.n, seen.value, _what(kind))
        more = _shown(seen.value) if seen.name else where
        below = (Cell(f"  {more}", MUTED),) if more else ()
        return replace(line, below=below, subject=Subject(kind, seen.value) if kind and seen.value else None)

    def _session(self, session: Session) -> WhoLine:
        style = self._loudness(session)
        worst = f"{'' if session.worst_succeeded else self.look.glyphs.refused}{_shown(session.worst)}"
        acting = self.report.subject.kind == "actor"
        who = session.address if acting else session.actor
        refused = f"{count(session.refused)}{self.look.glyphs.refused}" if session.refused else ""
        below: tuple[Cell, ...] = ()
        if refused and session.worst_succeeded:  # the mark must not stand beside what succeeded
            others = " and others" if session.refused_others else ""
            below = (Cell(f"  {refused} {_shown(session.worst_refused)}{others}", "$text-error"),)
            refused = ""
        length = distance(session.last_us - session.first_us)
        cells = (
            Cell(self._brief(session.first_us), MUTED, width=11), Cell(length, MUTED, 10, right=True, drop=2),
            Cell(count(session.n), "bold", 5, right=True),
            Cell(refused, "$text-error", 4, right=True),
            Cell(worst, style), Cell(_shown(who), width=15, drop=1),
            Cell(_shown(session.agent), MUTED, 20, drop=3),
        )  # fmt: skip
        # As older entries are loaded, a session's beginning changes, and not its end.
        name = "session", session.actor, session.address, session.agent, session.last_us
        kind: Kind = "ip" if acting else "actor"
        line = self._line(name, cells, 4, session.terms, session.n, who, _what(kind))
        return replace(line, below=below, subject=Subject(kind, who) if who else None)

    def _loudness(self, session: Session) -> str:
        """The style of a session's worst action: that of its severity, unless most sessions are as bad."""
        if not session.worst_succeeded:
            return MUTED
        sessions, worst = self.report.summary.sessions, severity(session.worst)
        style = LOUD.get(worst, "")
        as_bad = sum(each.worst_succeeded and RANKS[severity(each.worst)] >= RANKS[worst] for each in sessions)
        return "" if style == LOUD["destroy"] and len(sessions) >= USUAL and 2 * as_bad > len(sessions) else style

    def _deletion(self, deletion: Deletion) -> WhoLine:
        cells = (Cell(self._brief(deletion.us), MUTED, 11), Cell(_shown(deletion.target), "", ID_CELLS),
                 Cell(_shown(deletion.kind)))  # fmt: skip
        name = "deletion", deletion.target, deletion.us
        line = self._line(name, cells, 2, deletion.terms, None, deletion.target, "target's ID")
        return replace(line, subject=Subject("target", deletion.target) if deletion.target else None)

    def _line(
        self, name: Hashable, cells: tuple[Cell, ...], flexible: int, terms: tuple[Term, ...], n: int | None,
        value: str | None, what: str,
    ) -> WhoLine:  # fmt: skip
        entries = Figure(n, self.report.basis) if n is not None else None
        found = _filter(terms)
        return WhoLine(name, cells, flexible, filter=found, entries=entries, value=value or "", what=what)

    def _left(self) -> Section:
        """What was created and is not known to be deleted, newest first."""
        created = self.report.created
        left = [each for each in reversed(created) if each.survival.state is not State.DELETED]
        unknown = sum(each.survival.state is State.UNKNOWN for each in left)
        exact = self.report.basis is Basis.EXACT and not unknown
        of = f"{self._basis(self.report.basis)}{f', {count(unknown)} unknown' if unknown else ''}"
        title = "created, no deletion found" if self.report.lacks else "created, not deleted"
        return _cut(title, of, left, self._created, doubtful=not exact)

    def _created(self, created: Created) -> WhoLine:
        made = created.creation
        doubt = f"{self.look.glyphs.unknown} " if created.survival.state is State.UNKNOWN else ""
        cells = (
            Cell(self._brief(made.us), MUTED, 11), Cell(_shown(made.target), "", ID_CELLS),
            Cell(f"{doubt}{_shown(made.kind)}", WARNING if doubt else "bold" if made.identity else ""),
        )  # fmt: skip
        subject = Subject("actor" if made.identity else "target", made.target)
        return WhoLine(("created", made.target), cells, -1, filter=created.filter, value=made.target,
                       what="target's ID", subject=subject)  # fmt: skip

    def _notes(self) -> Section:
        said = notes(self.report, self.look.zone) if self.report.basis is not Basis.UNKNOWN else []
        return _wide("", "", [WhoLine(None, (Cell(safe(note, VALUE), MUTED),)) for note in said])

    # -- parts -------------------------------------------------------------------------------------------------

    def _span(self, first: int | None, last: int | None) -> tuple[Cell, ...]:
        shown = self._brief(first)
        return Cell(f"{shown} ~" if first != last else "", MUTED, 13, right=True, drop=1), Cell(
            self._brief(last), MUTED, 11
        )

    def _full(self, us: int | None) -> str:
        return "?" if us is None else self.look.date_time(us)

    def _brief(self, us: int | None) -> str:
        """An instant to the minute without its year, which is this one, else its date."""
        if us is None:
            return "?"
        text = self.look.date_time(us)
        return text[5:16] if text[:4] == self.look.date(self.look.now_us)[:4] else text[:10]


def _cut(title: str, of: str, found: Sequence[_T], line: Callable[[_T], WhoLine], *, doubtful: bool) -> Section:
    """A section of which as many lines are made as are listed."""
    return Section(title, of, len(found), lambda most: [line(each) for each in found[:most]], doubtful=doubtful)


def _wide(title: str, of: str, lines: list[WhoLine], *, doubtful: bool = False) -> Section:
    return Section(title, of, len(lines), lambda most: lines[:most], wide=True, doubtful=doubtful)


def _filter(terms: Sequence[Term]) -> str:
    return format_query(Query(tuple(terms)))


def _indent(identity: Identity) -> str:
    return "  " * min(identity.depth - 1, 8)


def _named(identity: Identity) -> str:
    """An identity's name, indented below its creator."""
    return f"{_indent(identity)}{_name(identity.name)}"


def _name(name: str | None) -> str:
    return safe(name, 60) if name else "(no name)"


def _kind(identity: Identity) -> str:
    return safe(identity.creation.kind or "", 60)


def _figure(figure: Figure) -> str:
    return "unknown" if figure.n is None else str(figure)


def _shown(value: str | None) -> str:
    return "(none)" if value is None else safe(value, VALUE)


def _what(kind: Kind | None) -> str:
    return {"actor": "actor's ID", "ip": "address", "target": "target's ID"}.get(kind or "", "agent")
