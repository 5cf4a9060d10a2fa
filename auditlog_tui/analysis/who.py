"""Who is this: what an actor did, or who acted from an address or on a target, and what they left behind.

    who = Who(subject, Gatherer(counting, view))
    await who.load(changed)      # `who.report` is what is known so far, after each call of `changed`

Each statement says what it rests on: all entries, those loaded, or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Literal

from auditlog_tui.analysis.gathering import NO_FIGURE, NO_TIME, Basis, Figure, Gathered, Gatherer, When, query_for
from auditlog_tui.analysis.lineage import (
    MOST_IDENTITIES,
    MOST_TARGETS,
    NOT_ASKED,
    NOT_IN_LOG,
    Creation,
    Creator,
    Descent,
    Identity,
    State,
    Survival,
    ancestors,
    destroyed,
    foremost,
    own_deletions,
    survival,
)
from auditlog_tui.entries.actions import Severity, danger, deletes, outcome, severity
from auditlog_tui.query import Query, Term, format_query, parse
from auditlog_tui.query.addresses import ip_address
from auditlog_tui.query.syntax import Instant, Text, Times
from auditlog_tui.runtime import give_way
from auditlog_tui.store.entries import Row
from auditlog_tui.text.times import DAY_US, counted, moment, offset_us

Kind = Literal["actor", "ip", "target"]

SESSION_GAP_US = 30 * 60_000_000
"""A pause of more than this (microseconds) between two entries of one actor, address and agent ends a session."""

HOURLY_US = 3 * DAY_US
"""A strip over at most this time (microseconds) has a bar an hour, a longer one a bar a day."""

HOUR_US = 3_600_000_000
CHUNK = 500
"""Rows summarized in one go."""

AS_FAR_AS_HERE = "as far as these entries tell"
"""Added to "not deleted" where the source may lack entries."""

NOT_HERE = "its creation is not among these entries"


_SUCCEEDED = parse("status:200..299").terms
_REFUSED = parse("status:>=400").terms


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a report is about: an actor's ID, a target's ID, or an address as the log spells it."""

    kind: Kind
    value: str

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms that its entries match."""
        return query_for(self.kind, self.value).terms

    def terms_with(self, *terms: Term) -> tuple[Term, ...]:
        """Its terms, and others that are not among them."""
        return (*self.terms, *(term for term in terms if term not in self.terms))

    @property
    def filter(self) -> str:
        """The filter of its entries."""
        return format_query(Query(self.terms))


_PREFIX = re.compile(r"(actor|ip|target):(.+)", re.DOTALL)


def subjects_in(text: str) -> list[Subject]:
    """What a typed text may be about, most likely first: an address, or an ID that is an actor's or a target's.

    `actor:ID`, `target:ID` and `ip:ADDRESS` say which.
    """
    text = text.strip()
    if match := _PREFIX.fullmatch(text):
        kind: Kind = "actor" if match[1] == "actor" else "ip" if match[1] == "ip" else "target"
        return [Subject(kind, match[2].strip().strip('"'))]
    address = ip_address(text)
    if address is not None:
        return [Subject("ip", str(address))]
    return [Subject("actor", text), Subject("target", text)] if text else []


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a report about some entries; `terms` are the filter that finds them."""

    terms: tuple[Term, ...]

    @property
    def filter(self) -> str:
        return format_query(Query(self.terms))


@dataclass(frozen=True, slots=True)
class Deeds(Line):
    """The entries of one action with one outcome."""

    action: str | None
    severity: Severity
    n: int
    first_us: int | None
    last_us: int | None


@dataclass(frozen=True, slots=True)
class Seen(Line):
    """A value that the subject's entries have: an address, an agent or an actor. `None`: absent or unreadable.

    `novel` says that it appeared after the subject's first entry, which is known only if the basis is exact.
    """

    value: str | None
    name: str | None
    n: int
    first_us: int | None
    last_us: int | None
    novel: bool


@dataclass(frozen=True, slots=True)
class Session(Line):
    """A burst of entries of one actor, address and agent, with no pause above `SESSION_GAP_US`.

    `worst` is the most dangerous action of it that succeeded, or else was tried; `worst_refused` that of the refused
    ones, of which there may be others.
    """

    actor: str | None
    address: str | None
    agent: str | None
    first_us: int
    last_us: int
    n: int
    refused: int
    worst: str | None
    worst_succeeded: bool
    worst_refused: str | None
    refused_others: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """The entries of an hour or a day that begins at an instant; only those with entries are listed."""

    start_us: int
    n: int
    refused: int


@dataclass(frozen=True, slots=True)
class Deletion(Line):
    """A target that was deleted, `us` its last deletion."""

    target: str | None
    kind: str | None
    action: str
    us: int | None
    by: str | None


@dataclass(frozen=True, slots=True)
class Created(Line):
    """A target that was created, and what became of it."""

    creation: Creation
    survival: Survival


@dataclass(frozen=True, slots=True)
class Acted:
    """An identity that acted from an address and that was not created from there, and what became of it."""

    actor: str
    name: str | None
    type: str | None
    n: int
    last_us: int | None
    survival: Survival
    terms: tuple[Term, ...]

    @property
    def filter(self) -> str:
        """The filter of its entries from the address."""
        return format_query(Query(self.terms))


@dataclass(frozen=True, slots=True)
class Summary:
    """What the rows of a subject say; on the same basis as these."""

    succeeded: tuple[Deeds, ...] = ()
    refused: tuple[Deeds, ...] = ()
    unknown: tuple[Deeds, ...] = ()
    actors: tuple[Seen, ...] = ()
    addresses: tuple[Seen, ...] = ()
    agents: tuple[Seen, ...] = ()
    sessions: tuple[Session, ...] = ()
    strip: tuple[Bar, ...] = ()
    strip_step_us: int = HOUR_US
    deleted: tuple[Deletion, ...] = ()
    undated: int = 0
    several_versions: int = 0


NO_SUMMARY = Summary()


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known so far. `basis` is that of `summary`; other members have their own.

    `created` is what an actor, or who acted from an address, created; `unasked` of these were too many to ask about.
    `acted` are the others that acted from an address, and `acted_unnamed` entries from there that tell of no actor.
    `partial` maps the IDs of actors of which not everything created is known to the actions by which all is;
    `settled` are those of which all is, although not all of their entries were fetched. `untold_creations` lack their
    target or status, so that what they created can't be followed. `began` is the time of the log's oldest entry.
    `lacks` says why the source, a file or an archive, may lack entries of the log; nothing is exact then.
    Everything holds as of `as_of_us` at least, by the server's clock (microseconds since 1970 UTC). `done` is true
    once nothing more is to come.
    """

    subject: Subject
    name: str | None = None
    type: str | None = None
    basis: Basis = Basis.UNKNOWN
    loaded: int = 0
    total: Figure = NO_FIGURE
    first: When = NO_TIME
    last: When = NO_TIME
    refused: Figure = NO_FIGURE
    unsure: int = 0
    reason: str = ""
    lacks: str = ""
    summary: Summary = NO_SUMMARY
    created: tuple[Created, ...] = ()
    unasked: int = 0
    lineage: tuple[Identity, ...] = ()
    lineage_unasked: int = 0
    partial: Mapping[str, tuple[str, ...]] | None = None
    settled: frozenset[str] = frozenset()
    untold_creations: int = 0
    acted: tuple[Acted, ...] = ()
    acted_unnamed: int = 0
    ancestors: tuple[Creator, ...] = ()
    survival: Survival = NOT_ASKED
    began: When = NO_TIME
    as_of_us: int | None = None
    done: bool = False

    @property
    def exact(self) -> bool:
        """Whether every statement of a report that is done is about all entries of the log."""
        used = [
            figure for each in self.lineage for figure in (each.used, each.refused, each.destructive, each.children)
        ]
        states = [self.survival] if self.subject.kind != "ip" else []
        states += [each.survival for each in self.created]
        states += [each.survival for each in self.lineage]
        states += [each.survival for each in self.acted]
        doubts = self.unsure + self.unasked + self.lineage_unasked + sum(each.unsure for each in self.lineage)
        return (
            self.done
            and all(
                each is Basis.EXACT for each in (self.basis, self.total.basis, *(figure.basis for figure in used))
            )
            and not any(each.state is State.UNKNOWN for each in states)
            and not (doubts or self.partial or self.reason or self.lacks or self.untold_creations)
            and not any(each.doubtful for each in self.ancestors)
        )


def of_a_part(report: Report) -> Report:
    """What a report says if its source may lack entries of the log: nothing in it is exact or new."""

    def figure(each: Figure) -> Figure:
        return replace(each, basis=each.basis.of_a_part)

    def when(each: When) -> When:
        return replace(each, basis=each.basis.of_a_part)

    def kept(each: Survival) -> Survival:
        return replace(each, reason=AS_FAR_AS_HERE) if each.state is State.KEPT else each

    def seen(values: Sequence[Seen]) -> tuple[Seen, ...]:
        return tuple(replace(each, novel=False) for each in values)

    def identity(each: Identity) -> Identity:
        return replace(
            each, survival=kept(each.survival), used=figure(each.used), first=when(each.first), last=when(each.last),
            refused=figure(each.refused), destructive=figure(each.destructive), children=figure(each.children),
        )  # fmt: skip

    summary = report.summary
    return replace(
        report,
        basis=report.basis.of_a_part, total=figure(report.total), first=when(report.first), last=when(report.last),
        refused=figure(report.refused), began=when(report.began), survival=kept(report.survival),
        summary=replace(
            summary, actors=seen(summary.actors), addresses=seen(summary.addresses), agents=seen(summary.agents)
        ),
        created=tuple(replace(each, survival=kept(each.survival)) for each in report.created),
        lineage=tuple(map(identity, report.lineage)),
        acted=tuple(replace(each, survival=kept(each.survival)) for each in report.acted),
        ancestors=tuple(
            replace(each, reason=NOT_HERE) if each.reason == NOT_IN_LOG else each for each in report.ancestors
        ),
    )  # fmt: skip


class Who:
    """Finds out about a subject. `report` is what is known so far."""

    def __init__(self, subject: Subject, gatherer: Gatherer, zone: tzinfo = UTC) -> None:
        self._found = Report(subject)
        self._shown: tuple[Report, Report] | None = None
        self._gatherer = gatherer
        self._zone = zone

    @property
    def report(self) -> Report:
        found, shown = self._found, self._shown
        lacks = found.lacks or self._gatherer.log.lacks  # reading may show what is missing, even after the end
        if shown is None or shown[0] is not found or shown[1].lacks != lacks:
            shown = self._shown = found, of_a_part(replace(found, lacks=lacks)) if lacks else found
        return shown[1]

    @property
    def subject(self) -> Subject:
        return self._found.subject

    async def load(self, changed: Callable[[], None]) -> None:
        """Find out everything; `changed` is called whenever `report` or the progress is new.

        May be cancelled, and called again: what was answered is not asked again. Raises `ApiError`, `StoreError`.
        """
        gatherer, subject = self._gatherer, self.subject
        self._found = replace(self._found, done=False, lacks=gatherer.log.lacks)
        await gatherer.begin()
        if self._found.as_of_us is None:  # what was answered is not asked again
            self._found = replace(self._found, as_of_us=gatherer.log.now_us())
        own = await gatherer.of(subject.kind, subject.value, changed)
        await self._take(own)
        changed()
        await self._ask_after_origin(changed)
        if subject.kind != "target":
            await self._ask_after_creations(own, changed)
        if subject.kind == "ip":
            await self._ask_after_actors(own, changed)
        self._found = replace(self._found, began=await gatherer.log_begins(), done=True)
        changed()

    def describe(self) -> str:
        """What is being done, for a progress line."""
        report = self._found
        if self._gatherer.walk is not None or report.basis is Basis.UNKNOWN:
            return self._gatherer.describe()
        return f"following {len(report.created) + len(report.lineage):,} created"

    async def _take(self, own: Gathered) -> None:
        rows, subject = own.rows, self.subject
        named = [row for row in rows if row.actor_name] if subject.kind == "actor" else []
        typed = [row.actor_type if subject.kind == "actor" else row.target_type for row in rows]
        types = [each for each in typed if each] if subject.kind != "ip" else []
        self._found = replace(
            self._found,
            name=named[-1].actor_name if named else None,
            type=types[-1] if types else None,
            basis=own.basis,
            loaded=len({row.key for row in rows}),
            total=own.total,
            first=own.first,
            last=own.last,
            refused=own.refused,
            unsure=len(own.unsure),
            reason=own.reason,
            summary=await summarize(subject, own, self._zone),
        )

    async def _ask_after_origin(self, changed: Callable[[], None]) -> None:
        """Who created the subject, and whether it was deleted."""
        subject = self.subject
        if subject.kind == "ip":
            return
        chain = await ancestors(self._gatherer, subject.value)
        pages: dict[str, Gathered] = {}
        await self._gatherer.targets([subject.value], pages.__setitem__)
        own = chain[0].creation if chain else None
        self._found = replace(self._found, ancestors=tuple(chain), survival=survival(pages[subject.value], own))
        changed()

    async def _ask_after_creations(self, own: Gathered, changed: Callable[[], None]) -> None:
        """What became of what the subject created, and what of it acted in turn."""
        descent, subject = Descent(), self.subject
        made = await descent.made_by(self._gatherer, subject.kind, subject.value, own)
        states = {
            each.target: known for each, known in zip(made, own_deletions(made, own.rows), strict=True) if known
        }
        asked = foremost([each for each in made if each.target not in states], MOST_TARGETS)
        unasked = len(made) - len({*states, *asked})
        created = [_created(each, states.get(each.target, NOT_ASKED)) for each in made]
        place_of = {each.target: place for place, each in enumerate(made)}

        def show() -> None:
            self._found = replace(
                self._found,
                created=tuple(created),
                unasked=unasked,
                lineage=tuple(descent.identities),
                lineage_unasked=descent.unasked,
                partial=dict(descent.partial),
                settled=frozenset(descent.settled),
                untold_creations=descent.untold,
            )
            changed()

        def note(target: str, on: Gathered) -> None:
            place = place_of[target]
            created[place] = replace(created[place], survival=survival(on, made[place]))
            show()

        show()
        actor = subject.value if subject.kind == "actor" else None
        await descent.follow(self._gatherer, actor, [each for each in made if each.may_act], show)
        await self._gatherer.targets(asked, note)
        for place, each in enumerate(created):
            if each.survival is NOT_ASKED:
                created[place] = replace(each, survival=TOO_MANY)
        show()

    async def _ask_after_actors(self, own: Gathered, changed: Callable[[], None]) -> None:
        """Which of those that acted from an address are deleted; those that acted last are asked about first."""
        made = {each.creation.target for each in self._found.lineage}
        types = {row.actor_id: row.actor_type for row in own.rows if row.actor_type}
        seen = {each.value: each for each in self._found.summary.actors if each.value and each.value not in made}
        order = sorted(seen, key=lambda actor: seen[actor].last_us or 0, reverse=True)
        states = dict.fromkeys(order[:MOST_TARGETS], NOT_ASKED)
        unnamed = sum(not row.actor_id and outcome(row.status_code) != "refused" for row in own.rows)

        def note(actor: str, on: Gathered) -> None:
            states[actor] = survival(on, None)
            show()

        def show() -> None:
            acted = [
                Acted(actor, seen[actor].name, types.get(actor), seen[actor].n, seen[actor].last_us,
                      states.get(actor, TOO_MANY), seen[actor].terms)
                for actor in order
            ]  # fmt: skip
            self._found = replace(self._found, acted=tuple(acted), acted_unnamed=unnamed)
            changed()

        show()
        await self._gatherer.targets(list(states), note)


TOO_MANY = Survival(reason=f"not asked: only {MOST_TARGETS} targets are")


def _created(creation: Creation, state: Survival) -> Created:
    return Created(query_for("target", creation.target).terms, creation, state)


async def subject_in(text: str, gatherer: Gatherer) -> Subject | None:
    """The subject that a typed text means, the first that has entries; `None` if none is known to have any.

    Raises `ApiError`, `StoreError`.
    """
    await gatherer.begin()
    for subject in subjects_in(text):
        if (await gatherer.of(subject.kind, subject.value)).total.n:
            return subject
    return None


def incomplete(report: Report) -> str:
    """What has to be said first of a report whose source may lack entries; empty if it does not."""
    return f"Incomplete: {report.lacks}. Entries of the log may be missing." if report.lacks else ""


def notes(report: Report, zone: tzinfo = UTC) -> list[str]:
    """Sentences on what a report does not know, besides what `incomplete` says."""
    summary, found = report.summary, list[str]()
    if report.basis is Basis.LOADED and report.total.basis.all_here:
        total = f"{report.total.n or 0:,} entries{' found' if report.lacks else ''}"
        found.append(f"{report.loaded:,} of {total} are loaded, the newest: what is marked loaded is of these.")
    elif report.basis is Basis.LOADED:
        found.append(f"Everything is of the {counted(report.loaded, 'entry', 'entries')} loaded: others may exist.")
    if report.reason:
        found.append(f"Incomplete: {report.reason}.")
    if report.unsure:
        found.append(f"{counted(report.unsure, 'entry', 'entries')} may belong here too: the field can't be read.")
    if report.subject.kind == "ip" and ":" in report.subject.value:
        found.append("Other spellings of this address, if the log has any, are left out.")
    if summary.undated:
        found.append(f"{counted(summary.undated, 'entry', 'entries')} without a readable time: in no session.")
    if summary.several_versions:
        found.append(
            f"{counted(summary.several_versions, 'entry', 'entries')} came in several versions: all counted."
        )
    if report.untold_creations:
        found.append(f"{counted(report.untold_creations, 'creation')} without a readable target or status.")
    if report.unasked:
        found.append(f"{counted(report.unasked, 'created target')} not asked about: at most {MOST_TARGETS} are.")
    if report.lineage_unasked:
        found.append(
            f"{counted(report.lineage_unasked, 'created target')} not asked about as actors: at most"
            f" {MOST_IDENTITIES} are."
        )
    for actor, actions in (report.partial or {}).items():
        known = f", and of {', '.join(actions)}" if actions else ""
        found.append(f"Created by {actor}: known of the loaded entries{known} alone.")
    if (many := len(report.acted) - MOST_TARGETS) > 0:
        found.append(f"{counted(many, 'actor')} not asked about: at most {MOST_TARGETS} are.")
    if any(each.survival.state is State.KEPT for each in report.created):
        found.append("What was deleted with its parent counts as not deleted: the log does not tell.")
    if report.began.us is not None:
        begins = "What is here begins" if report.lacks else "The log begins"
        found.append(f"{begins} {moment(report.began.us, zone)}: what was before is unknown.")
    return found


# -- what the rows say ---------------------------------------------------------------------------------------------


async def summarize(subject: Subject, own: Gathered, zone: tzinfo = UTC) -> Summary:
    """What a subject's rows say, read in portions."""
    rows = own.rows
    tallies = _Tallies(subject, own.basis is Basis.EXACT)
    for at in range(0, len(rows), CHUNK):
        for row in rows[at : at + CHUNK]:
            tallies.add(row)
        await give_way()
    dated = [row for row in rows if row.created_us is not None]
    bursts = sessions(subject, dated)
    await give_way()
    step = _step(dated)
    return Summary(
        succeeded=tallies.deeds("succeeded"),
        refused=tallies.deeds("refused"),
        unknown=tallies.deeds("unknown"),
        actors=tallies.seen("actor_id"),
        addresses=tallies.seen("client_ip"),
        agents=tallies.seen("user_agent"),
        sessions=bursts,
        strip=_strip(dated, step, zone),
        strip_step_us=step,
        deleted=_deletions(subject, rows),
        undated=len(rows) - len(dated),
        several_versions=len({row.key for row in rows if row.versions}),
    )


_TERMS = {"actor_id": "actor", "client_ip": "ip", "user_agent": "ua"}


class _Tallies:
    """Counts by action and by value, of rows oldest first."""

    def __init__(self, subject: Subject, exact: bool) -> None:
        self._subject = subject
        self._exact = exact
        self._deeds: dict[tuple[str, str | None], list[Row]] = {}
        self._seen: dict[str, dict[str | None, list[Row]]] = {column: {} for column in _TERMS}
        self._first: int | None = None

    def add(self, row: Row) -> None:
        self._deeds.setdefault((outcome(row.status_code), row.action), []).append(row)
        for column, values in self._seen.items():
            values.setdefault(getattr(row, column), []).append(row)
        if self._first is None:
            self._first = row.created_us

    def deeds(self, wanted: str) -> tuple[Deeds, ...]:
        """The actions with an outcome, most dangerous first, then most frequent."""
        terms = {"succeeded": _SUCCEEDED, "refused": _REFUSED}.get(wanted, ())
        found = [
            Deeds(self._terms("action", action, *terms), action, severity(action), len(rows), *_times(rows))
            for (came, action), rows in self._deeds.items()
            if came == wanted
        ]
        return tuple(sorted(found, key=lambda each: (-danger(each.action), -each.n, each.action or "")))

    def seen(self, column: str) -> tuple[Seen, ...]:
        """The values of a column, most frequent first."""
        found = []
        for value, rows in self._seen[column].items():
            first, last = _times(rows)
            novel = self._exact and None not in (first, self._first) and first != self._first
            name = next((row.actor_name for row in reversed(rows) if row.actor_name), None)
            name = name if column == "actor_id" else None
            found.append(Seen(self._terms(_TERMS[column], value), value, name, len(rows), first, last, novel))
        return tuple(sorted(found, key=lambda each: (-each.n, each.value or "")))

    def _terms(self, field: str, value: str | None, *terms: Term) -> tuple[Term, ...]:
        """The terms of these entries; without the value, if that is absent, as no filter can say so."""
        return self._subject.terms_with(*(query_for(field, value).terms if value else ()), *terms)


def _times(rows: Iterable[Row]) -> tuple[int | None, int | None]:
    times = [row.created_us for row in rows if row.created_us is not None]
    return min(times, default=None), max(times, default=None)


def sessions(subject: Subject, rows: Sequence[Row]) -> tuple[Session, ...]:
    """The sessions of rows with a time, oldest first; newest session first."""
    open_: dict[tuple[str | None, str | None, str | None], list[Row]] = {}
    closed: list[list[Row]] = []
    for row in rows:
        key = row.actor_id, row.client_ip, row.user_agent
        burst = open_.get(key)
        if burst is not None and (row.created_us or 0) - (burst[-1].created_us or 0) <= SESSION_GAP_US:
            burst.append(row)
        else:
            open_[key] = [row]
            closed.append(open_[key])
    found = [_session(subject, burst) for burst in closed]
    return tuple(sorted(found, key=lambda each: each.last_us, reverse=True))


def _session(subject: Subject, burst: Sequence[Row]) -> Session:
    first, first_us, last_us = burst[0], burst[0].created_us or 0, burst[-1].created_us or 0
    worst = max(burst, key=lambda row: (outcome(row.status_code) == "succeeded", danger(row.action)))
    refused = [row for row in burst if outcome(row.status_code) == "refused"]
    during = Term("created", (Times(Instant(first_us), Instant(last_us)),))
    values = (("actor", first.actor_id), ("ip", first.client_ip), ("ua", first.user_agent))
    terms = [term for field, value in values if value for term in query_for(field, value).terms]
    return Session(
        subject.terms_with(*terms, during),
        first.actor_id,
        first.client_ip,
        first.user_agent,
        first_us,
        last_us,
        len(burst),
        len(refused),
        worst.action,
        outcome(worst.status_code) == "succeeded",
        max((row.action for row in refused), key=danger, default=None),
        len({row.action for row in refused}) > 1,
    )


def _step(rows: Sequence[Row]) -> int:
    first, last = _times(rows)
    return HOUR_US if first is None or last is None or last - first <= HOURLY_US else DAY_US


def _strip(rows: Iterable[Row], step: int, zone: tzinfo) -> tuple[Bar, ...]:
    counts: dict[int, list[int]] = {}
    for row in rows:
        us = row.created_us or 0
        offset = offset_us(us, zone)
        bar = counts.setdefault((us + offset) // step * step - offset, [0, 0])
        bar[0] += 1
        bar[1] += outcome(row.status_code) == "refused"
    return tuple(Bar(start, n, refused) for start, (n, refused) in sorted(counts.items()))


def _deletions(subject: Subject, rows: Iterable[Row]) -> tuple[Deletion, ...]:
    """What was deleted, oldest first; each target once, by its last deletion."""
    found: dict[str, Deletion] = {}
    for row in rows:
        if row.action and deletes(row.action) and destroyed(row):
            on = query_for("target", row.target_id).terms if row.target_id else ()
            terms = subject.terms_with(*on, Term("action", (Text(row.action),)))
            deletion = Deletion(terms, row.target_id, row.target_type, row.action, row.created_us, row.actor_id)
            key = row.target_id or f"\n{row.n}"
            found.pop(key, None)
            found[key] = deletion
    return tuple(found.values())
