"""What an actor created: what became of it, which of it acts itself and created more, and who created the actor.

Only what succeeded happened, and only IDs connect entries: names may be used again. A statement that the log does not
bear out is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from auditlog_tui.analysis.gathering import NO_FIGURE, NO_TIME, Basis, Figure, Gathered, Gatherer, When
from auditlog_tui.entries.actions import creates, deletes, is_identity, is_resource, outcome, severity
from auditlog_tui.store.entries import Row
from auditlog_tui.text.times import counted

MOST_TARGETS = 100
"""Created targets that the log is asked about; those that can act go first, then the newest."""

MOST_IDENTITIES = 100
"""Created targets, of any generation, that the log is asked about as actors."""

MOST_ANCESTORS = 20
"""How far up the line of creators is followed."""

IDENTITY_ACTIONS = ("api_key.created", "user.created")
"""What an actor with too many entries to fetch is asked for in any case, besides the actions that were seen."""


class State(Enum):
    """What became of something."""

    DELETED = "deleted"
    KEPT = "not deleted"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Survival:
    """What became of a target. `us` is when it was deleted, `by` and `name` who did it; `reason` is for `UNKNOWN`.

    `KEPT` means that no entry of the log deletes it. Deletion together with a parent can't be told from a log.
    """

    state: State = State.UNKNOWN
    us: int | None = None
    by: str | None = None
    reason: str = "not asked yet"
    name: str | None = None


NOT_ASKED = Survival()


@dataclass(frozen=True, slots=True)
class Creation:
    """The latest creation of a target by one actor. `us` is `None` if its time can't be read."""

    target: str
    kind: str | None
    action: str
    us: int | None
    by: str | None
    address: str | None

    @property
    def identity(self) -> bool:
        """Whether it was made to act: a key, a user and the like."""
        return is_identity(self.kind, self.action)

    @property
    def may_act(self) -> bool:
        """Whether it is not known never to act."""
        return self.identity or not is_resource(self.kind, self.action)


def creations(rows: Iterable[Row]) -> list[Creation]:
    """What the rows created, each target once, in the order of the rows (oldest first)."""
    found: dict[str, Creation] = {}
    for row in rows:
        if row.action and row.target_id and creates(row.action) and outcome(row.status_code) == "succeeded":
            found.pop(row.target_id, None)
            found[row.target_id] = Creation(
                row.target_id, row.target_type, row.action, row.created_us, row.actor_id, row.client_ip
            )
    return list(found.values())


def own_deletions(made: Sequence[Creation], rows: Iterable[Row]) -> list[Survival | None]:
    """For each creation, its deletion if that is among the same rows."""
    on: dict[str, list[Row]] = {}
    for row in rows:
        if row.target_id and deletes(row.action):
            on.setdefault(row.target_id, []).append(row)
    found = [survival(Gathered(on.get(each.target, ()), Basis.LOADED), each) for each in made]
    return [each if each.state is State.DELETED else None for each in found]


def survival(target: Gathered, since: Creation | None) -> Survival:
    """What became of a target after its creation (`None`: at any time), by the entries on it."""
    if target.basis is Basis.UNKNOWN:
        return Survival(reason=target.reason or "not asked")
    certain: Row | None = None
    possible = ""
    for row in target.rows:
        if since is not None and None not in (row.created_us, since.us) and (row.created_us or 0) < (since.us or 0):
            continue
        dated = since is None or None not in (row.created_us, since.us)
        if deletes(row.action) and outcome(row.status_code) == "succeeded" and dated:
            certain = certain or row
        elif _may_delete(row):
            possible = "an entry on it may be a deletion: its action, status or time doesn't tell"
    if certain is not None:
        return Survival(State.DELETED, certain.created_us, certain.actor_id, "", certain.actor_name)
    if possible:
        return Survival(reason=possible)
    if hidden := sum(map(_may_delete, target.unsure)):
        return Survival(reason=f"{counted(hidden, 'entry', 'entries')} with an unreadable target may be a deletion")
    if target.basis is Basis.EXACT:
        return Survival(State.KEPT, reason="")
    of = "" if target.total.basis is not Basis.EXACT else f" of {target.total}"
    seen = f"the newest {len(target.rows):,}{of}" if of else f"the {len(target.rows):,} loaded"
    return Survival(reason=f"no deletion among {seen} entries on it")


def _may_delete(row: Row) -> bool:
    """Whether a row is a deletion that was not clearly refused, or may be one as it names no action."""
    return _not_refused(row) and (deletes(row.action) or _may_be_by(row, "DELETE"))


def _not_refused(row: Row) -> bool:
    """False only for an error of HTTP: after a redirect, or without a status, it may have happened."""
    return row.status_code is None or not 400 <= row.status_code <= 599


def _may_be_by(row: Row, *methods: str) -> bool:
    """Whether a row that names no action may be of a request by one of these methods."""
    return not row.action and (bool(row.unreadable) or not row.method or row.method.upper() in methods)


@dataclass(frozen=True, slots=True)
class Identity:
    """Something created that acts, or was made to act. `depth` is 1 for what the subject itself created.

    `used` is the number of its entries as an actor; `destructive` those that destroyed something. The basis of
    `children` says whether all that it created in turn is known.
    """

    creation: Creation
    depth: int
    name: str | None = None
    survival: Survival = NOT_ASKED
    used: Figure = NO_FIGURE
    first: When = NO_TIME
    last: When = NO_TIME
    refused: Figure = NO_FIGURE
    destructive: Figure = NO_FIGURE
    children: Figure = NO_FIGURE
    unsure: int = 0

    @property
    def never_used(self) -> bool:
        """True if the log certainly has no entry of it as an actor."""
        return self.used == Figure(0, Basis.EXACT) and not self.unsure


NOT_IN_LOG = "not created in this log"


@dataclass(frozen=True, slots=True)
class Creator:
    """Who created `created`: `creation` is `None` if that is not known, and `reason` then says why."""

    created: str
    creation: Creation | None
    name: str | None = None
    reason: str = ""

    @property
    def doubtful(self) -> bool:
        """True where the log may tell of the creation, and can't be read as far."""
        return self.creation is None and self.reason != NOT_IN_LOG


def identity_of(
    creation: Creation, depth: int, acts: Gathered, made: Sequence[Creation], *, whole: bool = False
) -> Identity:
    """The identity with what its entries say; `whole` says that it `made` no others, however few entries are read."""
    names = [row.actor_name for row in acts.rows if row.actor_name]
    destructive = {row.key for row in acts.rows if destroyed(row)}
    return Identity(
        creation,
        depth,
        name=names[-1] if names else None,
        used=acts.total,
        first=acts.first,
        last=acts.last,
        refused=acts.refused,
        destructive=Figure(len(destructive), acts.basis) if acts.basis is not Basis.UNKNOWN else NO_FIGURE,
        children=Figure(len(made), Basis.EXACT if whole else acts.basis)
        if acts.basis is not Basis.UNKNOWN
        else NO_FIGURE,
        unsure=len(acts.unsure),
    )


def destroyed(row: Row) -> bool:
    """Whether the entry is of something that was destroyed or taken apart."""
    return severity(row.action) == "destroy" and outcome(row.status_code) == "succeeded"


def foremost(made: Sequence[Creation], most: int) -> list[str]:
    """The targets to ask about: identities first, and the newest first."""
    identities = [each.target for each in reversed(made) if each.identity]
    others = [each.target for each in reversed(made) if not each.identity]
    return [*identities, *others][:most]


def _later(one: Creation, other: Creation) -> Creation:
    """The later of two creations; one without a readable time may be the later one."""
    return one if one.us is None or (other.us is not None and one.us > other.us) else other


@dataclass(slots=True)
class Descent:
    """The identities that a subject created, theirs in turn, and so on; a parent stands before its children.

    `unasked` counts created targets that may act and were not asked about. `partial` has the IDs and addresses with
    too many entries for all that they created to be known, each with the actions by which all is known. `settled` has
    those of which all is known, although not all of their entries were fetched. `untold` counts creations without a
    readable target or status.
    """

    identities: list[Identity] = field(default_factory=list)
    unasked: int = 0
    partial: dict[str, tuple[str, ...]] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    untold: int = 0

    async def follow(
        self, gatherer: Gatherer, subject: str | None, made: Sequence[Creation], changed: Callable[[], None]
    ) -> None:
        """Find them all, level by level; `changed` is called after each step. Raises `ApiError`, `StoreError`."""
        visited = {subject} if subject else set()
        level = [each for each in made if each.target not in visited]
        depth = asked = 0
        while level:
            depth += 1
            chosen = set(foremost(level, MOST_IDENTITIES - asked))
            self.unasked += len(level) - len(chosen)
            level = [each for each in level if each.target in chosen]
            visited |= {each.target for each in level}
            asked += len(level)
            level = await self._next_level(gatherer, level, depth, visited, changed)

    async def _next_level(
        self,
        gatherer: Gatherer,
        level: Sequence[Creation],
        depth: int,
        visited: set[str],
        changed: Callable[[], None],
    ) -> list[Creation]:
        """Add the identities of a level; returns what they created that may act and was not visited."""
        acts: dict[str, Gathered] = {}
        await gatherer.actors([each.target for each in level], acts.__setitem__)
        following: dict[str, Creation] = {}
        added: list[str] = []
        for creation in level:
            own = acts[creation.target]
            if not creation.identity and not own.total.n:
                continue
            made = await self.made_by(gatherer, "actor", creation.target, own) if own.total.n else []
            self.identities.append(identity_of(creation, depth, own, made, whole=creation.target in self.settled))
            added.append(creation.target)
            for each in made:
                if each.may_act and each.target not in visited:
                    following[each.target] = _later(following.get(each.target, each), each)
            changed()
        await gatherer.targets(added, lambda target, on: self._set_survival(target, on, changed))
        return list(following.values())

    def _set_survival(self, target: str, on: Gathered, changed: Callable[[], None]) -> None:
        self.identities = [
            replace(each, survival=survival(on, each.creation)) if each.creation.target == target else each
            for each in self.identities
        ]
        changed()

    async def made_by(self, gatherer: Gatherer, key: str, value: str, own: Gathered) -> list[Creation]:
        """All that an actor created, or that was created from an address, as far as is known.

        Of one with too many entries to fetch, only those that may create identities are.
        """
        if own.basis is not Basis.EXACT:
            self.partial[value] = ()
        if own.basis is not Basis.EXACT and own.total.basis is Basis.EXACT:
            own = await self._with_creations(gatherer, key, value, own)
        self.untold += sum(map(_untold, own.rows))
        return creations(own.rows)

    async def _with_creations(self, gatherer: Gatherer, key: str, value: str, own: Gathered) -> Gathered:
        """What was gathered, and all entries of the actions that may create an identity.

        Any action may: whether another one than those seen is among the rest tells their number.
        """
        rows = list(own.rows)
        if not await gatherer.has_all(key, value):
            rows += (await gatherer.oldest_page(key, value)).rows
        amounts: dict[str, int | None] = {row.action: None for row in rows if row.action}
        creating = [action for action in amounts if creates(action) and not is_resource(None, action)]
        known = []
        for action in dict.fromkeys([*IDENTITY_ACTIONS, *creating]):
            found = await gatherer.actions_of(key, value, action)
            own = own.with_rows(found.rows)
            if found.basis is Basis.EXACT:
                known.append(action)
                amounts[action] = len({row.key for row in found.rows if (row.created_us or 0) <= (own.last.us or 0)})
        self.partial[value] = tuple(known)
        whole = await gatherer.are_all(key, value, own, "action", amounts)
        if whole and key == "ip":
            actors = dict.fromkeys(row.actor_id for row in own.rows if row.actor_id)
            whole = await gatherer.are_all(key, value, own, "actor", actors)
        if whole and set(creating) <= set(known):
            del self.partial[value]
            self.settled.add(value)
        return own


def _untold(row: Row) -> bool:
    """Whether the row created something, or may have, that can't be followed."""
    if not creates(row.action):
        return False
    came = outcome(row.status_code)
    return (came == "succeeded" and not row.target_id) or (came == "unknown" and row.status_code is None)


async def ancestors(gatherer: Gatherer, subject: str) -> list[Creator]:
    """Who created the subject, who created that one, and so on. Raises `ApiError`, `StoreError`."""
    found: list[Creator] = []
    current: str | None = subject
    visited: set[str] = set()
    while current and current not in visited and len(found) < MOST_ANCESTORS:
        visited.add(current)
        creator = await creator_of(gatherer, current)
        found.append(creator)
        current = creator.creation.by if creator.creation else None
    return found


async def creator_of(gatherer: Gatherer, target: str) -> Creator:
    """Who created a target last, by the entries on it. Raises `ApiError`, `StoreError`."""
    pages: dict[str, Gathered] = {}
    await gatherer.targets([target], pages.__setitem__)
    on = pages[target]
    made = creations(on.rows)
    if not made and on.basis is Basis.LOADED and on.total.basis is Basis.EXACT:
        on = await gatherer.oldest_page("target", target)
        made = creations(on.rows)
    if made:
        names = [row.actor_name for row in on.rows if row.actor_id == made[-1].by and row.actor_name]
        return Creator(target, made[-1], names[-1] if names else None)
    if on.basis is not Basis.EXACT:
        return Creator(target, None, reason=on.reason or "unknown: not all entries on it are loaded")
    if on.unsure or any(_may_create(row) for row in on.rows):
        return Creator(target, None, reason="unknown: entries that may be its creation can't be read")
    return Creator(target, None, reason=NOT_IN_LOG)


def _may_create(row: Row) -> bool:
    return _not_refused(row) and (creates(row.action) or _may_be_by(row, "POST", "PUT"))
