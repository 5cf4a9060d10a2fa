"""An independent evaluation of who did what and what is left, in plain Python over the JSON of a whole log."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditlog_tui.text.times import instant_us

Json = dict[str, Any]

DELETED, KEPT, UNKNOWN = "deleted", "not deleted", "unknown"
HALF_AN_HOUR = 30 * 60 * 1_000_000


def unique(log: Iterable[Json]) -> list[Json]:
    return list({json.dumps(data): data for data in log}.values())


def text(data: Json, holder: str, name: str) -> str | None:
    found = (data.get(holder) or {}).get(name) if holder else data.get(name)
    return found if isinstance(found, str) else None


def time_of(data: Json) -> int | None:
    found = data.get("created_at")
    return instant_us(found) if isinstance(found, str) else None


def status_of(data: Json) -> int | None:
    found = data.get("status_code")
    return found if isinstance(found, int) else None


def happened(data: Json) -> bool:
    return (status_of(data) or 0) // 100 == 2


def refused(data: Json) -> bool:
    return (status_of(data) or 0) >= 400


def verb(data: Json) -> str:
    return (text(data, "", "action") or "").split(".")[-1]


def ends(data: Json) -> bool:
    return verb(data) in ("deleted", "revoked")


def by(log: Iterable[Json], actor: str) -> list[Json]:
    return entries_of(log, "actor", actor)


def on(log: Iterable[Json], target: str) -> list[Json]:
    return entries_of(log, "target", target)


@dataclass
class Made:
    target: str
    kind: str
    us: int | None


def made_by(entries: Iterable[Json]) -> dict[str, Made]:
    """What these entries created, each target with the time of its last creation."""
    found: dict[str, Made] = {}
    for data in entries:
        target = text(data, "target", "id")
        if verb(data) != "created" or not happened(data) or not target:
            continue
        kind = text(data, "target", "type") or (text(data, "", "action") or "").split(".")[0]
        us, before = time_of(data), found.get(target)
        if before is not None and (before.us is None or (us is not None and us < before.us)):
            us = before.us
        found[target] = Made(target, kind, us)
    return found


def state_of(log: Iterable[Json], target: str, since: int | None, *, ever: bool = False) -> str:
    """What became of a target after an instant (`None`: one that can't be read), or `ever`."""
    doubt = False
    for data in on(log, target):
        us = time_of(data)
        known = ever or (us is not None and since is not None)
        if not ever and us is not None and since is not None and us < since:
            continue
        if status_of(data) in range(400, 600):
            continue
        if text(data, "", "action") is None:
            doubt |= data.get("action") is not None or data["method"] == "DELETE" or malformed(data)
        elif ends(data) and happened(data) and known:
            return DELETED
        elif ends(data):
            doubt = True
    return UNKNOWN if doubt else KEPT


def malformed(data: Json) -> bool:
    """Whether a field of an entry is of another type than its own."""
    holders = data, data.get("actor") or {}, data.get("target") or {}
    fields = (each[name] for each in holders for name in ("id", "action", "client_ip", "created_at") if name in each)
    status = data.get("status_code")
    return not all(each is None or isinstance(each, str) for each in fields) or isinstance(status, str)


def hidden(log: Iterable[Json], holder: str) -> list[Json]:
    """The entries whose actor or target can't be read."""
    return [data for data in log if not isinstance((data.get(holder) or {"id": ""})["id"], str)]


@dataclass
class Descendant:
    depth: int
    used: int
    refused: int
    destructive: int
    state: str


def descendants(log: Sequence[Json], subject: str) -> dict[str, Descendant]:
    found: dict[str, Descendant] = {}
    visited, level, depth = {subject}, [subject], 0
    while level:
        depth += 1
        made: dict[str, Made] = {}
        for parent in level:
            for target, each in made_by(by(log, parent)).items():
                if target in visited or each.kind == "vm":
                    continue
                before = made.get(target)
                late = before is None or each.us is None or (before.us is not None and each.us > before.us)
                made[target] = each if late or before is None else before
        level = []
        for target, each in made.items():
            visited.add(target)
            acts = by(log, target)
            if not acts and each.kind == "gadget":
                continue
            level.append(target)
            destructive = sum(ends(data) and happened(data) for data in acts)
            state = state_of(log, target, each.us)
            found[target] = Descendant(depth, len(acts), sum(map(refused, acts)), destructive, state)
    return found


@dataclass
class Truth:
    total: int
    first: int | None
    last: int | None
    succeeded: Counter[str | None]
    refused: Counter[str | None]
    addresses: Counter[str | None]
    agents: Counter[str | None]
    sessions: Counter[tuple[str | None, str | None, str | None, int, int, int]]
    deleted: set[str]
    created: dict[str, str]
    lineage: dict[str, Descendant] = field(default_factory=dict)
    creator: str | None = None


def truth(log: Iterable[Json], kind: str, value: str) -> Truth:
    """Everything about a subject: an actor, a target or an address."""
    whole = unique(log)
    own = entries_of(whole, kind, value)
    times = sorted(us for us in map(time_of, own) if us is not None)
    made = made_by(own) if kind != "target" else {}
    return Truth(
        total=len(own),
        first=times[0] if times else None,
        last=times[-1] if times else None,
        succeeded=Counter(text(data, "", "action") for data in own if happened(data)),
        refused=Counter(text(data, "", "action") for data in own if refused(data)),
        addresses=Counter(text(data, "", "client_ip") for data in own),
        agents=Counter(text(data, "", "user_agent") for data in own),
        sessions=sessions_of(own),
        deleted={target for data in own if ends(data) and happened(data) if (target := text(data, "target", "id"))},
        created={target: state_of(whole, target, each.us) for target, each in made.items()},
        lineage=descendants(whole, value) if kind == "actor" else {},
    )


def entries_of(log: Iterable[Json], kind: str, value: str) -> list[Json]:
    holder, name = {"actor": ("actor", "id"), "target": ("target", "id"), "ip": ("", "client_ip")}[kind]
    return [data for data in log if text(data, holder, name) == value]


def sessions_of(own: Iterable[Json]) -> Counter[tuple[str | None, str | None, str | None, int, int, int]]:
    bursts: dict[tuple[str | None, str | None, str | None], list[list[int]]] = {}
    dated = [(us, data) for data in own if (us := time_of(data)) is not None]
    for us, data in sorted(dated, key=lambda each: each[0]):
        key = text(data, "actor", "id"), text(data, "", "client_ip"), text(data, "", "user_agent")
        found = bursts.setdefault(key, [])
        if found and us - found[-1][-1] <= HALF_AN_HOUR:
            found[-1].append(us)
        else:
            found.append([us])
    return Counter((*key, burst[0], burst[-1], len(burst)) for key, found in bursts.items() for burst in found)
