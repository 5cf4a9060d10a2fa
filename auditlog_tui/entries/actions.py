"""What an action does, by its name: the one table of verbs and kinds that colours rows and orders reports.

An action is `kind.verb`, as `api_key.created`; the kind may have several dotted parts, and each part several words.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

Severity = Literal["read", "change", "network", "destroy", "access"]
"""In ascending order of danger.

`access` lets somebody in (keys, users, roles), `destroy` deletes or takes apart, `network` changes who can connect
(firewalls), `change` is any other change.
"""

RANKS: Mapping[Severity, int] = {"read": 0, "change": 1, "network": 2, "destroy": 3, "access": 4}
"""The danger of each severity; a larger number is more dangerous."""

Activity = Literal["create", "read", "update", "delete", "other"]

Outcome = Literal["succeeded", "refused", "unknown"]

_READ = frozenset({
    "read", "reads", "list", "lists", "listed", "view", "views", "viewed", "get", "gets", "got", "fetch",
    "fetched", "show", "shown", "search", "searched", "describe", "described", "download", "downloaded",
    "access", "accessed", "query", "queried",
})  # fmt: skip

_VERBS: Mapping[Activity, frozenset[str]] = {
    "create": frozenset({"create", "creates", "created"}),
    "update": frozenset({
        "update", "updates", "updated", "modify", "modified", "edit", "edited", "patch", "patched", "change",
        "changed", "rename", "renamed", "resize", "resized",
    }),
    "delete": frozenset({
        "delete", "deletes", "deleted", "remove", "removed", "destroy", "destroyed", "purge", "purged",
    }),
}  # fmt: skip

_CREATES = _VERBS["create"] | {
    "issue", "issues", "issued", "generate", "generates", "generated", "invite", "invites", "invited", "register",
    "registers", "registered", "provision", "provisions", "provisioned",
}  # fmt: skip
_DELETES = _VERBS["delete"] | {
    "removes", "destroys", "purges", "revoke", "revokes", "revoked", "terminate", "terminates", "terminated",
    "erase", "erased", "wipe", "wiped", "drop", "dropped", "deprovision", "deprovisioned",
}  # fmt: skip
_DESTROY = _DELETES | {
    "detach", "detaches", "detached", "disable", "disables", "disabled", "deactivate", "deactivated", "unassign",
    "unassigned", "uninstall", "uninstalled", "suspend", "suspended", "evict", "evicted", "expire", "expired",
    "kill", "killed",
}  # fmt: skip
_NOT_DONE = frozenset({"fail", "failed", "denied", "refused", "rejected", "cancelled", "canceled", "undone"})
"""Words that say that the verb beside them did not happen: `delete_failed`."""

_ROUTINE = frozenset({"login", "logout", "logged", "signin", "signout", "signed", "authenticated"})
"""Words of what users do all day, which change nothing about access."""

_IDENTITY = frozenset({
    "key", "keys", "apikey", "apikeys", "token", "tokens", "credential", "credentials", "user", "users", "account",
    "accounts", "member", "members", "robot", "robots", "bot", "bots",
})  # fmt: skip
_ACCESS = _IDENTITY | {
    "secret", "secrets", "password", "passwords", "membership", "memberships", "invite", "invites", "invitation",
    "invitations", "role", "roles", "permission", "permissions", "grant", "grants", "policy", "policies", "mfa",
    "sso", "saml", "oauth",
}  # fmt: skip
_NETWORK = frozenset({
    "firewall", "firewalls", "security", "acl", "acls", "ingress", "egress", "allowlist", "whitelist", "denylist",
})  # fmt: skip
_RESOURCES = frozenset({
    "vm", "vms", "instance", "volume", "volumes", "snapshot", "snapshots", "image", "images", "vpc", "vpcs",
    "subnet", "subnets", "network", "networks", "connection", "connections", "cluster", "clusters", "pool", "pools",
    "node", "nodes", "project", "projects", "bucket", "buckets", "record", "records", "zone", "zones", "log", "logs",
}) | _NETWORK  # fmt: skip


_COMMON: Mapping[str, str] = {
    "api_key": "created deleted read", "audit_log": "read", "connect_connection": "read updated",
    "firewall_rule": "created deleted read updated", "nks_cluster": "read updated", "node_pool": "read updated",
    "project": "deleted read updated", "subnet": "read updated", "vm": "created deleted read restarted updated",
    "volume": "attached created deleted detached read snapshotted updated", "vpc": "read updated",
}  # fmt: skip

COMMON = tuple(f"{kind}.{verb}" for kind, verbs in _COMMON.items() for verb in verbs.split())
"""Actions to offer where no log is at hand: those of the demo. A log may have others."""

KINDS = tuple(kind for kind in _COMMON if kind != "audit_log")
"""The kinds of their targets."""


@lru_cache(1024)
def severity(action: str | None) -> Severity:
    """An action's effect if it succeeds, by its verb and kind; unknown verbs count as changes."""
    verb, words = _verb(action)
    if verb in _READ:
        return "read"
    if not _DESTROY.isdisjoint(words):
        return "destroy"
    kind = _kind_words(action)
    if not _NETWORK.isdisjoint(kind):
        return "network"
    return "change" if _ACCESS.isdisjoint(kind) or not _ROUTINE.isdisjoint(words) else "access"


def danger(action: str | None) -> int:
    """A number for an action: the larger, the more dangerous; what ends its target comes before what detaches it."""
    return 2 * RANKS[severity(action)] + deletes(action)


@lru_cache(1024)
def activity(action: str | None) -> Activity | None:
    """What an action does, by its verb: `vm.force_deleted` is delete; `None` without an action."""
    if not action:
        return None
    verb, words = _verb(action)
    if verb in _READ:
        return "read"
    found: list[Activity] = [name for name, verbs in _VERBS.items() if not verbs.isdisjoint(words)]
    return found[0] if len(found) == 1 else "other"


@lru_cache(1024)
def creates(action: str | None) -> bool:
    """Whether the action, if it succeeds, makes its target."""
    return _does(action, _CREATES) and not _does(action, _DELETES)


@lru_cache(1024)
def deletes(action: str | None) -> bool:
    """Whether the action, if it succeeds, ends its target: `api_key.revoked` too, `volume.detached` not."""
    return _does(action, _DELETES)


def outcome(status_code: int | None) -> Outcome:
    """What a request came to: 2xx `succeeded`, 400 and above `refused` (or failed), anything else `unknown`."""
    if status_code is None:
        return "unknown"
    return "succeeded" if 200 <= status_code <= 299 else "refused" if status_code >= 400 else "unknown"


@lru_cache(1024)
def is_identity(kind: str | None, action: str | None = None) -> bool:
    """Whether what this action made, of this type, is made to act: a key, a user and the like."""
    return not _IDENTITY.isdisjoint(_words(kind) if kind else _kind_words(action))


@lru_cache(1024)
def is_resource(kind: str | None, action: str | None = None) -> bool:
    """Whether what this action made, of this type, is known never to act: a machine, a disk and the like."""
    words = _words(kind) if kind else _kind_words(action)
    return not _RESOURCES.isdisjoint(words) and _IDENTITY.isdisjoint(words)


def _does(action: str | None, verbs: frozenset[str]) -> bool:
    _, words = _verb(action)
    return not verbs.isdisjoint(words) and _NOT_DONE.isdisjoint(words)


def _verb(action: str | None) -> tuple[str, frozenset[str]]:
    """The verb, which is the last dotted part, and its words: it may be one of several, as in `force_deleted`."""
    verb = (action or "").rpartition(".")[2].lower()
    return verb, _words(verb)


def _kind_words(action: str | None) -> frozenset[str]:
    return _words((action or "").rpartition(".")[0])


def _words(text: str) -> frozenset[str]:
    return frozenset(text.lower().replace("-", "_").replace(".", "_").split("_"))
