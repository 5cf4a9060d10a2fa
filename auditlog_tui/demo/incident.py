"""The incident in the demo's log: a leaked API key.

The key `ci-deploy` is probed from an address that it was never used from, then used to look around and to create two
more keys. One of those, from a third address, detaches and deletes volumes and VMs. Meanwhile the pipeline keeps
using the same key from its own address. At last Alice reads the audit log and revokes all three keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from auditlog_tui.demo import cast
from auditlog_tui.demo.cast import Persona, Step
from auditlog_tui.demo.noise import MINUTE, SECOND, Story
from auditlog_tui.offline.sqlite_source import FlatEntry

_BEFORE_UNTIL = timedelta(hours=9)
_REQUESTS = "python-requests/2.32.3"
_FIRST_ADDRESS = "198.51.100.23"
_SECOND_ADDRESS = "203.0.113.219"

_THIEF = cast.CI_DEPLOY._replace(addresses=(_FIRST_ADDRESS,), agents=(_REQUESTS,))
_BACKUP_SYNC = cast.api_key("backup-sync", _SECOND_ADDRESS, agent=_REQUESTS)
_SVC_MONITOR = cast.api_key("svc-monitor", _SECOND_ADDRESS, agent=_REQUESTS)


@dataclass(frozen=True)
class Truth:
    """The solution. `key_id` is the actor ID of the stolen key, `new_keys` are those of the keys created with it.

    `entries` are the IDs of the attacker's entries, oldest first, `destroyed` those of the deleted resources.
    `began` and `ended` are the times of the first and the last entry.
    """

    key_id: str
    key_name: str
    addresses: tuple[str, ...]
    new_keys: tuple[str, ...]
    entries: tuple[str, ...]
    destroyed: tuple[str, ...]
    began: datetime
    ended: datetime


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
        *_play(rng, start + 42 * MINUTE, _BACKUP_SYNC, _destroying(), 3, 12),
        *_play(rng, start + 103 * MINUTE, _THIEF, [_refused(cast.listing("vm"))] * 2, 20, 40),
        *_play(rng, start + 105 * MINUTE, _BACKUP_SYNC, [_refused(cast.listing("project"))] * 3, 5, 30),
    ]
    others = [
        *_play(rng, start + 3 * MINUTE, cast.CI_DEPLOY, _deploying(rng), 2, 9),
        *_play(rng, start + 20 * MINUTE, cast.CI_DEPLOY, _deploying(rng), 2, 9),
        *_play(rng, start + 44 * MINUTE, cast.CI_DEPLOY, _deploying(rng), 2, 9),
        *_play(rng, start + 90 * MINUTE, cast.ALICE, _cleaning_up(), 15, 45),
    ]
    truth = Truth(
        key_id=_THIEF.id,
        key_name=_THIEF.name or "",
        addresses=(_FIRST_ADDRESS, _SECOND_ADDRESS),
        new_keys=(_BACKUP_SYNC.id, _SVC_MONITOR.id),
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
    first, second = (cast.resource("api_key", key.id) for key in (_BACKUP_SYNC, _SVC_MONITOR))
    return [
        _refused(cast.create(first), 422),
        cast.create(first),
        cast.read(first),
        cast.create(second),
        cast.listing("api_key"),
    ]


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
    stolen, *made = (cast.resource("api_key", key.id) for key in (cast.CI_DEPLOY, _BACKUP_SYNC, _SVC_MONITOR))
    return [
        *[cast.listing("audit_log")] * 3,
        cast.listing("api_key"),
        *map(cast.read, (stolen, *made)),
        *map(cast.delete, (stolen, *made)),
        cast.create(cast.resource("api_key", cast.CI_DEPLOY_2.id)),
        cast.listing("audit_log"),
    ]
