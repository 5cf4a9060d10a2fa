"""The incident in the demo's log: a leaked API key.

The key `ci-deploy` is probed from an address that it was never used from, then used to look around and to create two
more keys. One of those, from a third address, creates a fourth key, then detaches and deletes volumes and VMs.
Meanwhile the pipeline keeps using the same key from its own address. At last Alice reads the audit log and deletes
the keys that she knows of. One of her deletions fails, and the attacker finds that this key still works. The fourth
key is never used, and nobody deletes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from auditlog_tui.demo import cast
from auditlog_tui.demo.cast import Persona, Resource, Step
from auditlog_tui.demo.noise import MINUTE, SECOND, Story
from auditlog_tui.offline.sqlite_source import FlatEntry

_BEFORE_UNTIL = timedelta(hours=9)
_REQUESTS = "python-requests/2.32.3"
_FIRST_ADDRESS = "198.51.100.23"
_SECOND_ADDRESS = "203.0.113.219"

_THIEF = cast.CI_DEPLOY._replace(addresses=(_FIRST_ADDRESS,), agents=(_REQUESTS,))
_BACKUP_SYNC = cast.api_key("backup-sync", _SECOND_ADDRESS, agent=_REQUESTS)
_SVC_MONITOR = cast.api_key("svc-monitor", _SECOND_ADDRESS, agent=_REQUESTS)
_LOG_RELAY = cast.api_key("log-relay", _SECOND_ADDRESS, agent=_REQUESTS)


@dataclass(frozen=True)
class Lineage:
    """An API key and those that were created with it, oldest first, with theirs in turn.

    `used`: the key is the actor of entries. `revoked`: a request to delete it succeeded.
    """

    key_id: str
    used: bool
    revoked: bool
    created: tuple[Lineage, ...] = ()

    def all(self) -> Iterator[Lineage]:
        """The key and its descendants, each before those that were created with it."""
        yield self
        for child in self.created:
            yield from child.all()


@dataclass(frozen=True)
class Truth:
    """The solution. `key_name` is the name of the stolen key, from which `lineage` starts.

    `entries` are the IDs of the attacker's entries, oldest first, `destroyed` those of the deleted resources.
    `began` and `ended` are the times of the first and the last entry.
    """

    key_name: str
    addresses: tuple[str, ...]
    lineage: Lineage
    entries: tuple[str, ...]
    destroyed: tuple[str, ...]
    began: datetime
    ended: datetime

    @property
    def key_id(self) -> str:
        """The actor ID of the stolen key."""
        return self.lineage.key_id

    @property
    def new_keys(self) -> tuple[str, ...]:
        """The actor IDs of the keys that were created with the stolen one, oldest first."""
        return tuple(child.key_id for child in self.lineage.created)

    @property
    def to_revoke(self) -> tuple[str, ...]:
        """The actor IDs of all keys of the attacker that still work at the log's end, in the order of the lineage."""
        return tuple(key.key_id for key in self.lineage.all() if not key.revoked)


_LINEAGE = Lineage(
    _THIEF.id,
    used=True,
    revoked=True,
    created=(
        Lineage(
            _BACKUP_SYNC.id,
            used=True,
            revoked=True,
            created=(Lineage(_LOG_RELAY.id, used=False, revoked=False),),
        ),
        Lineage(_SVC_MONITOR.id, used=True, revoked=False),
    ),
)


def story(until: datetime) -> Story:
    """How the incident affects everyone else."""
    began = cast.microseconds(until - _BEFORE_UNTIL)
    return Story(struck_us=began + 40 * MINUTE, revoked_us=began + 90 * MINUTE, renewed_us=began + 100 * MINUTE)


def incident(until: datetime, rng: Random) -> tuple[list[FlatEntry], Truth]:
    """The entries of the attacker and of the pipeline and Alice meanwhile, oldest first, and the solution."""
    began = until - _BEFORE_UNTIL
    start = cast.microseconds(began)
    attack = [
        *_play(rng, start, _THIEF, _probing(), 9, 41),
        *_play(rng, start + 11 * MINUTE, _THIEF, _looking(), 2, 14),
        *_play(rng, start + 19 * MINUTE, _THIEF, _settling_in(), 8, 30),
        *_play(rng, start + 33 * MINUTE, _BACKUP_SYNC, _digging_in(), 6, 25),
        *_play(rng, start + 42 * MINUTE, _BACKUP_SYNC, _destroying(), 3, 12),
        *_play(rng, start + 103 * MINUTE, _THIEF, [_refused(cast.listing("vm"))] * 2, 20, 40),
        *_play(rng, start + 105 * MINUTE, _BACKUP_SYNC, [_refused(cast.listing("project"))] * 3, 5, 30),
        *_play(rng, start + 108 * MINUTE, _SVC_MONITOR, _returning(), 6, 30),
    ]
    others = [
        *_play(rng, start + 3 * MINUTE, cast.CI_DEPLOY, _deploying(rng), 2, 9),
        *_play(rng, start + 20 * MINUTE, cast.CI_DEPLOY, _deploying(rng), 2, 9),
        *_play(rng, start + 44 * MINUTE, cast.CI_DEPLOY, _deploying(rng), 2, 9),
        *_play(rng, start + 90 * MINUTE, cast.ALICE, _cleaning_up(), 15, 45),
    ]
    truth = Truth(
        key_name=_THIEF.name or "",
        addresses=(_FIRST_ADDRESS, _SECOND_ADDRESS),
        lineage=_LINEAGE,
        entries=tuple(entry.id for entry in attack),
        destroyed=tuple(
            entry.target_id
            for entry in attack
            if entry.action.endswith(".deleted") and entry.status_code < 300 and entry.target_id is not None
        ),
        began=began,
        ended=began + timedelta(microseconds=attack[-1].created_us - start),
    )
    return sorted([*attack, *others], key=lambda entry: entry.created_us), truth


def _play(
    rng: Random, us: int, actor: Persona, steps: Iterable[Step], shortest: int, longest: int
) -> list[FlatEntry]:
    """The entries of the steps, `shortest` to `longest` seconds apart."""
    entries = []
    for step in steps:
        entries.append(cast.entry(rng, us, actor, actor.addresses[0], actor.agents[0], step))
        us += rng.randrange(shortest * SECOND, longest * SECOND, 1000)
    return entries


def _refused(step: Step, status: int = 401) -> Step:
    return step._replace(status=status)


def _key(key: Persona) -> Resource:
    return cast.resource("api_key", key.id)


def _probing() -> list[Step]:
    secret = cast.resource("audit_log", "export")
    return [
        *(_refused(cast.listing(kind)) for kind in ("project", "vm", "volume", "api_key")),
        *(
            _refused(cast.listing(kind), 403)
            for kind in ("audit_log", "connect_connection", "project", "nks_cluster")
        ),
        _refused(cast.read(secret)._replace(target=None), 403),
        *(_refused(cast.read(cluster), 403) for cluster in cast.CLUSTERS),
        *(_refused(cast.read(project), 403) for project in cast.PROJECTS[1:]),
    ]


def _looking() -> list[Step]:
    return [
        *map(cast.listing, ("vm", "volume", "vpc", "firewall_rule", "api_key")),
        *map(cast.read, cast.VICTIM_VMS),
        *map(cast.read, cast.VICTIM_VOLUMES),
        *map(cast.read, cast.KEYS[:2]),
    ]


def _settling_in() -> list[Step]:
    first, second = _key(_BACKUP_SYNC), _key(_SVC_MONITOR)
    return [
        _refused(cast.create(first), 422),
        cast.create(first),
        cast.read(first),
        cast.create(second),
        cast.listing("api_key"),
    ]


def _digging_in() -> list[Step]:
    return [cast.listing("project"), cast.create(_key(_LOG_RELAY)), cast.listing("api_key")]


def _destroying() -> list[Step]:
    volumes, vms = cast.VICTIM_VOLUMES, cast.VICTIM_VMS
    return [
        cast.listing("volume"),
        cast.listing("vm"),
        _refused(cast.delete(volumes[0]), 409),
        *(cast.post(volume, "detach", "detached") for volume in volumes),
        *map(cast.delete, volumes),
        *map(cast.delete, vms),
        _refused(cast.delete(cast.PROJECTS[1]), 403),
        cast.listing("vm"),
    ]


def _returning() -> list[Step]:
    return [
        cast.listing("project"),
        cast.listing("vm"),
        _refused(cast.create(_key(_LOG_RELAY)), 403),
        cast.listing("api_key"),
    ]


def _deploying(rng: Random) -> list[Step]:
    runner = cast.resource("vm", cast.random_id(rng))
    return [
        cast.read(cast.PROJECTS[0]),
        cast.create(runner),
        cast.read(runner),
        cast.read(runner),
        cast.update(cast.CLUSTERS[0]),
        cast.delete(runner),
    ]


def _cleaning_up() -> list[Step]:
    known = [_key(key) for key in (cast.CI_DEPLOY, _BACKUP_SYNC, _SVC_MONITOR)]
    return [
        *[cast.listing("audit_log")] * 3,
        cast.listing("api_key"),
        *map(cast.read, known),
        *map(cast.delete, known[:-1]),
        _refused(cast.delete(known[-1]), 503),
        cast.create(_key(cast.CI_DEPLOY_2)),
        cast.listing("audit_log"),
    ]
