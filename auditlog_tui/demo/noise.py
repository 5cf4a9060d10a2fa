"""The everyday activity in the demo's log: people, pipelines and monitoring.

It is made of *scripts*: short series of requests by one actor from one address. People and pipelines work in office
hours (UTC) on weekdays, monitoring runs all the time, backups at 02:00.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random

from auditlog_tui.demo import cast
from auditlog_tui.demo.cast import Persona, Resource, Step
from auditlog_tui.offline.sqlite_source import FlatEntry

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_PER_DAY = 20_000 / 14
_SHORTEST_SPAN = 2 * DAY
_LONGEST_SCRIPT = 15 * MINUTE

_CLIENT_ERRORS = (400, 403, 404, 404, 409, 409, 422, 429)
_SERVER_ERRORS = (500, 502, 503, 504)
_CLIENT_ERROR_SHARE = 0.024
_SERVER_ERROR_SHARE = 0.002

_MOST_OWN_KEYS = 6
_MAY_NOT_CREATE_SHARE = 0.15
_PURPOSES = ("laptop", "notebook", "report", "migration", "load-test")
_SCRIPT_AGENTS = ("curl/8.14.1", "python-requests/2.32.3", "nirvana-cli/1.12.0 (linux/amd64)")


@dataclass(frozen=True, slots=True)
class Story:
    """How the incident affects everyone else; times in microseconds since 1970 UTC.

    From `struck_us` on, the destroyed resources are gone. The pipeline's key works until `revoked_us`, and it has
    another from `renewed_us` on; in between, it stands still.
    """

    struck_us: int
    revoked_us: int
    renewed_us: int


@dataclass(slots=True)
class _OwnKey:
    """An API key of a user's own. Scripts of one hour come in any order: none uses or deletes it before `free_us`."""

    owner: Persona
    key: Persona
    free_us: int


class Noise:
    """Makes scripts, the same for the same `rng`."""

    def __init__(self, rng: Random, story: Story) -> None:
        self._rng = rng
        self._story = story
        self._fleet: tuple[Resource, ...] = cast.FLEET
        self._pipeline: Persona | None = cast.CI_DEPLOY
        self._own_keys: list[_OwnKey] = []

    def script(self, start_us: int) -> list[FlatEntry]:
        """The entries of one script, oldest first."""
        last_us = start_us + _LONGEST_SCRIPT
        self._fleet = cast.FLEET if last_us < self._story.struck_us else cast.SURVIVORS
        renewed = cast.CI_DEPLOY_2 if start_us >= self._story.renewed_us else None
        self._pipeline = cast.CI_DEPLOY if last_us < self._story.revoked_us else renewed
        return self._rng.choices(_SCRIPTS, cum_weights=_WEIGHTS[start_us // HOUR % (7 * 24)])[0](self, start_us)

    def _play(self, us: int, actor: Persona, steps: Iterable[Step], shortest: int, longest: int) -> list[FlatEntry]:
        """The steps, each `shortest` to `longest` milliseconds after the one before."""
        rng = self._rng
        address, agent = rng.choice(actor.addresses), rng.choice(actor.agents)
        entries = []
        for step in steps:
            entries.append(cast.entry(rng, us, actor, address, agent, self._mishap(step)))
            us += int(shortest + rng.random() * (longest - shortest)) * 1000
        return entries

    def _mishap(self, step: Step) -> Step:
        luck = self._rng.random()
        if luck < _SERVER_ERROR_SHARE:
            return step._replace(status=self._rng.choice(_SERVER_ERRORS))
        if luck < _SERVER_ERROR_SHARE + _CLIENT_ERROR_SHARE:
            return step._replace(status=self._rng.choice(_CLIENT_ERRORS))
        return step

    def _new(self, kind: str) -> Resource:
        return cast.resource(kind, cast.random_id(self._rng))

    # -- people --------------------------------------------------------------------------------------------------

    def browse(self, us: int) -> list[FlatEntry]:
        rng = self._rng
        steps = [cast.listing(rng.choice(("project", "vm", "volume", "nks_cluster", "vpc")))]
        steps += [cast.read(target) for target in rng.choices(self._fleet, k=rng.randint(1, 7))]
        if rng.random() < 0.3:
            steps.append(cast.listing("audit_log"))
        return self._play(us, rng.choice(cast.USERS), steps, 800, 40_000)

    def tinker(self, us: int) -> list[FlatEntry]:
        rng = self._rng
        vm, volume, rule = rng.choice(cast.VMS), rng.choice(cast.VOLUMES), rng.choice(cast.FIREWALL_RULES)
        new_volume, new_vm = self._new("volume"), self._new("vm")
        steps = rng.choice((
            [cast.read(vm), cast.post(vm, "restart", "restarted"), cast.read(vm), cast.read(vm)],
            [cast.read(vm), cast.create(new_volume), cast.post(new_volume, "attach", "attached"), cast.read(vm)],
            [cast.listing("volume"), cast.read(volume), cast.update(volume), cast.read(volume)],
            [cast.listing("firewall_rule"), cast.read(rule), cast.update(rule)],
            [cast.listing("vm"), cast.create(new_vm), cast.read(new_vm), cast.read(new_vm), cast.delete(new_vm)],
            [cast.listing("api_key"), cast.read(rng.choice(cast.KEYS))],
        ))  # fmt: skip
        return self._play(us, rng.choice(cast.USERS), steps, 2_000, 60_000)

    # -- users' own keys -----------------------------------------------------------------------------------------

    def own_key(self, us: int) -> list[FlatEntry]:
        """A user creates an API key, a program of theirs uses it, or they delete it."""
        free = [own for own in self._own_keys if own.free_us <= us]
        luck = self._rng.random()
        if len(self._own_keys) < _MOST_OWN_KEYS and (luck < 0.3 or not free):
            return self._create_key(us)
        if not free:
            return self.browse(us)
        own = self._rng.choice(free)
        return self._delete_key(us, own) if luck > 0.8 else self._use_key(us, own)

    def _create_key(self, us: int) -> list[FlatEntry]:
        """The creation comes first, so that no key is used whose creation was cut off."""
        rng = self._rng
        owner, target = rng.choice(cast.USERS), self._new("api_key")
        creation = cast.create(target)
        if rng.random() < _MAY_NOT_CREATE_SHARE:
            creation = creation._replace(status=403)
        entries = self._play(us, owner, [creation, cast.read(target), cast.listing("api_key")], 2_000, 20_000)
        if entries[0].status_code >= 400:
            return entries[:1]
        owners = [owner.name.partition(" ")[0].lower()] if owner.name else []
        name = "-".join([*owners, rng.choice(_PURPOSES)])
        key = Persona(target.id, name, "api_key", (rng.choice(owner.addresses),), (rng.choice(_SCRIPT_AGENTS),))
        self._own_keys.append(_OwnKey(owner, key, us + _LONGEST_SCRIPT))
        return entries

    def _use_key(self, us: int, own: _OwnKey) -> list[FlatEntry]:
        rng = self._rng
        steps = [cast.listing(rng.choice(("vm", "volume", "project")))]
        steps += [cast.read(target) for target in rng.choices(self._fleet, k=rng.randint(2, 9))]
        own.free_us = us + _LONGEST_SCRIPT
        return self._play(us, own.key, steps, 200, 5_000)

    def _delete_key(self, us: int, own: _OwnKey) -> list[FlatEntry]:
        steps = [cast.delete(cast.resource("api_key", own.key.id)), cast.listing("api_key")]
        entries = self._play(us, own.owner, steps, 2_000, 20_000)
        if entries[0].status_code < 400:
            self._own_keys.remove(own)
        else:
            own.free_us = us + _LONGEST_SCRIPT
        return entries

    # -- machines ------------------------------------------------------------------------------------------------

    def pipeline(self, us: int) -> list[FlatEntry]:
        """A pipeline run: a runner is created, polled, used and deleted."""
        if self._pipeline is None:
            return self.browse(us)
        rng = self._rng
        runner, disk = self._new("vm"), self._new("volume")
        steps = [cast.read(cast.PROJECTS[0]), cast.create(runner), cast.create(disk)]
        steps += [cast.read(runner)] * rng.randint(2, 5)
        steps += [cast.post(disk, "attach", "attached"), cast.update(rng.choice(cast.CLUSTERS))]
        steps += [cast.post(disk, "detach", "detached"), cast.delete(disk), cast.delete(runner)]
        return self._play(us, self._pipeline, steps, 300, 9_000)

    def plan(self, us: int) -> list[FlatEntry]:
        """A Terraform run: the whole state is read within a second or two, then a few resources change."""
        rng = self._rng
        actor = rng.choice((cast.TERRAFORM_PROD, cast.TERRAFORM_PROD, cast.TERRAFORM_STAGING))
        us -= us % SECOND
        state = rng.sample(self._fleet, k=rng.randint(20, 110))
        entries = self._play(us, actor, map(cast.read, state), 0, 0)
        if rng.random() < 0.2:
            entries += self._play(us + SECOND, actor, map(cast.read, rng.sample(state, k=12)), 0, 0)
        changes = [cast.update(target) for target in rng.sample(state, k=rng.randint(0, 3))]
        if rng.random() < 0.25:
            changes += [cast.create(self._new("firewall_rule")), cast.delete(self._new("firewall_rule"))]
        return entries + self._play(us + 4 * SECOND, actor, changes, 1_000, 5_000)

    def monitor(self, us: int) -> list[FlatEntry]:
        steps = [cast.listing("vm"), cast.listing("volume"), cast.listing("nks_cluster")]
        return self._play(us, cast.GRAFANA, steps, 20, 120)

    def scale(self, us: int) -> list[FlatEntry]:
        pool = self._rng.choice(cast.POOLS)
        steps = [cast.read(pool), *([cast.update(pool)] if self._rng.random() < 0.15 else [])]
        return self._play(us, cast.AUTOSCALER, steps, 200, 900)

    def inventory(self, us: int) -> list[FlatEntry]:
        kinds = ("project", "vm", "volume", "vpc", "subnet", "nks_cluster", "api_key")
        return self._play(us, cast.INVENTORY, map(cast.listing, kinds), 150, 700)

    def backup(self, us: int) -> list[FlatEntry]:
        volumes = self._rng.sample(cast.VOLUMES, k=8)
        steps = [cast.listing("volume"), *(cast.post(volume, "snapshots", "snapshotted") for volume in volumes)]
        return self._play(us, cast.BACKUP, steps, 1_000, 20_000)


_Script = Callable[[Noise, int], list[FlatEntry]]
_SCRIPTS: tuple[_Script, ...] = (
    Noise.browse, Noise.tinker, Noise.pipeline, Noise.plan, Noise.monitor, Noise.scale, Noise.inventory, Noise.backup,
    Noise.own_key,
)  # fmt: skip
_BUSY = (40, 16, 16, 6, 14, 8, 4, 0, 5)
_QUIET = (3, 1, 3, 1, 40, 16, 6, 0, 1)
_BACKUP_TIME = (1, 0, 1, 1, 20, 8, 4, 40, 0)


def _hour_of_week(hour: int) -> tuple[int, int]:
    """The weekday (0 is Monday) and hour of a count of hours; 1970 began on a Thursday."""
    return (hour // 24 + 3) % 7, hour % 24


def _mix(hour: int) -> tuple[int, ...]:
    day, clock = _hour_of_week(hour)
    shares = _BUSY if day < 5 and 7 <= clock < 19 else _BACKUP_TIME if clock == 2 else _QUIET
    return tuple(sum(shares[: upto + 1]) for upto in range(len(shares)))


def _pace(hour: int) -> float:
    """The activity in an hour of the week, relative to the busiest."""
    day, clock = _hour_of_week(hour)
    if day >= 5:
        return 0.1
    return 1.0 if 8 <= clock < 17 else 0.45 if clock in (7, 17, 18) else 0.13


_WEIGHTS = tuple(map(_mix, range(7 * 24)))
_PACE = tuple(map(_pace, range(7 * 24)))


def noise(rng: Random, story: Story, *, count: int, until_us: int) -> Iterator[FlatEntry]:
    """Exactly `count` entries up to `until_us` (exclusive), oldest first: about 1,400 a day, at least two days."""
    source = Noise(rng, story)
    from_us = until_us - max(_SHORTEST_SPAN, int(count / _PER_DAY * DAY))
    hours = [
        (max(from_us, hour * HOUR), min(until_us, (hour + 1) * HOUR))
        for hour in range(from_us // HOUR, (until_us - 1) // HOUR + 1)
    ]
    paces = [_PACE[start // HOUR % (7 * 24)] * rng.uniform(0.6, 1.4) * (end - start) for start, end in hours]
    whole, passed, made = sum(paces), 0.0, 0
    waiting: list[FlatEntry] = []
    for (start, end), pace in zip(hours, paces, strict=True):
        passed += pace
        owed = min(count, round(count * passed / whole)) - made
        made += owed
        while owed > 0:
            script = source.script(rng.randrange(start, end))[:owed]
            waiting += [entry if entry.created_us < until_us else _mirrored(entry, until_us) for entry in script]
            owed -= len(script)
        waiting.sort(key=_when)
        ready = sum(entry.created_us < end for entry in waiting)
        yield from waiting[:ready]
        del waiting[:ready]


def _when(entry: FlatEntry) -> tuple[int, str]:
    return entry.created_us, entry.id


def _mirrored(entry: FlatEntry, until_us: int) -> FlatEntry:
    """The entry as long before the log's end as it was after it, so that the number of entries stays exact."""
    return entry._replace(created_us=2 * until_us - entry.created_us - 1)
