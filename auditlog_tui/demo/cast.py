"""The demo's people, API keys and resources, the same in every demo log.

Addresses are from the ranges reserved for documentation.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

from auditlog_tui.entries.contract import LIST_PATH
from auditlog_tui.offline.sqlite_source import FlatEntry


def _id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.demo.example"))


def random_id(rng: Random) -> str:
    """A version 4 UUID, made several times faster than by the `uuid` module: a million entries need one each."""
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """The instant in microseconds since 1970 UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


# -- actors ------------------------------------------------------------------------------------------------------


class Persona(NamedTuple):
    """An actor, with the addresses and user agents that requests come from. Some actors have no name."""

    id: str
    name: str | None
    type: str
    addresses: tuple[str, ...]
    agents: tuple[str, ...]


_CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36"
_SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15"  # fmt: skip # noqa: E501
_FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:142.0) Gecko/20100101 Firefox/142.0"
_CLI = "nirvana-cli/1.12.0 (linux/amd64)"
_TERRAFORM = "Terraform/1.9.8 (+https://www.terraform.io) terraform-provider-nirvana/1.31.0"
_OFFICE = "203.0.113.10"


def _user(name: str, *addresses: str, agents: tuple[str, ...]) -> Persona:
    return Persona(_id(f"user.{name}"), name, "user", addresses, agents)


def api_key(name: str, *addresses: str, agent: str) -> Persona:
    return Persona(_id(f"key.{name}"), name, "api_key", addresses, (agent,))


ALICE = _user("Alice Smith", _OFFICE, "203.0.113.58", agents=(_FIREFOX, _CLI))
USERS = (
    ALICE,
    _user("Bob Okafor", _OFFICE, "198.51.100.140", agents=(_CHROME,)),
    _user("Carmen Díaz", _OFFICE, agents=(_SAFARI,)),
    _user("Deniz Yılmaz", _OFFICE, "2001:db8:4c1::a7", agents=(_CHROME, _CLI)),
    _user("Emma Lindqvist", _OFFICE, "198.51.100.77", agents=(_SAFARI, _CLI)),
    _user("Farid Haddad", "203.0.113.91", agents=(_CHROME,)),
    _user("Grace Chen", _OFFICE, "2001:db8:9f0::21", agents=(_FIREFOX,)),
    _user("Hiro Tanaka", "198.51.100.203", agents=(_CHROME, _CLI)),
    _user("Ines Moreau", _OFFICE, agents=(_FIREFOX,)),
    _user("Jonas Weber", "203.0.113.132", agents=(_SAFARI,))._replace(name=None),
)

CI_DEPLOY = api_key("ci-deploy", "192.0.2.40", agent="nirvana-cli/1.12.0 (linux/amd64; ci)")
CI_DEPLOY_2 = api_key("ci-deploy-2", "192.0.2.40", agent="nirvana-cli/1.12.0 (linux/amd64; ci)")
TERRAFORM_PROD = api_key("terraform-prod", "192.0.2.17", agent=_TERRAFORM)
TERRAFORM_STAGING = api_key("terraform-staging", "192.0.2.18", agent=_TERRAFORM)
GRAFANA = api_key("grafana-reader", "192.0.2.66", agent="Grafana/12.1.0")
BACKUP = api_key("backup-nightly", "192.0.2.90", agent="curl/8.14.1")
INVENTORY = api_key("inventory-sync", "192.0.2.101", "2001:db8:77::5", agent="python-requests/2.31.0")._replace(
    name=None
)
AUTOSCALER = api_key("nks-autoscaler", "192.0.2.120", "192.0.2.121", agent="nirvana-go/1.94.2")


# -- resources ---------------------------------------------------------------------------------------------------


class Resource(NamedTuple):
    """The target of an action."""

    type: str
    id: str
    path: str


BASES = {
    "vm": "/v1/compute/vms",
    "volume": "/v1/compute/volumes",
    "vpc": "/v1/networking/vpcs",
    "subnet": "/v1/networking/subnets",
    "firewall_rule": "/v1/networking/firewall_rules",
    "connect_connection": "/v1/networking/connect/connections",
    "nks_cluster": "/v1/nks/clusters",
    "node_pool": "/v1/nks/node_pools",
    "api_key": "/v1/api_keys",
    "project": "/v1/projects",
    "audit_log": LIST_PATH,
}


def resource(kind: str, resource_id: str) -> Resource:
    return Resource(kind, resource_id, f"{BASES[kind]}/{resource_id}")


def _several(kind: str, count: int, group: str = "") -> tuple[Resource, ...]:
    return tuple(resource(kind, _id(f"{group}{kind}-{number}")) for number in range(count))


VICTIM_VMS = _several("vm", 6, "staging-")
VICTIM_VOLUMES = _several("volume", 6, "staging-")
VMS = _several("vm", 36)
VOLUMES = _several("volume", 28)
CLUSTERS = _several("nks_cluster", 3)
POOLS = _several("node_pool", 7)
PROJECTS = _several("project", 3)
FIREWALL_RULES = _several("firewall_rule", 24)
NETWORKS = (
    *_several("vpc", 5), *_several("subnet", 10), *FIREWALL_RULES, *_several("connect_connection", 2),
)  # fmt: skip
SURVIVORS = (*VMS, *VOLUMES, *CLUSTERS, *POOLS, *PROJECTS, *NETWORKS)
FLEET = (*SURVIVORS, *VICTIM_VMS, *VICTIM_VOLUMES)
KEYS = tuple(
    resource("api_key", key.id)
    for key in (CI_DEPLOY, TERRAFORM_PROD, TERRAFORM_STAGING, GRAFANA, BACKUP, INVENTORY, AUTOSCALER)
)


# -- requests ----------------------------------------------------------------------------------------------------


class Step(NamedTuple):
    """One request of an actor."""

    action: str
    method: str
    path: str
    status: int
    target: Resource | None = None


def listing(kind: str) -> Step:
    return Step(f"{kind}.read", "GET", BASES[kind], 200)


def read(target: Resource) -> Step:
    return Step(f"{target.type}.read", "GET", target.path, 200, target)


def create(target: Resource) -> Step:
    return Step(f"{target.type}.created", "POST", BASES[target.type], 201, target)


def update(target: Resource) -> Step:
    return Step(f"{target.type}.updated", "PATCH", target.path, 200, target)


def delete(target: Resource) -> Step:
    return Step(f"{target.type}.deleted", "DELETE", target.path, 204, target)


def post(target: Resource, verb: str, done: str) -> Step:
    return Step(f"{target.type}.{done}", "POST", f"{target.path}/{verb}", 200, target)


def entry(rng: Random, us: int, actor: Persona, address: str, agent: str, step: Step) -> FlatEntry:
    """The log entry of a request. A creation that failed has no target."""
    target = None if step.method == "POST" and step.status >= 400 and step.path in _COLLECTIONS else step.target
    return FlatEntry(
        random_id(rng), us, step.action, actor.id, actor.name, actor.type, address, step.method, step.path,
        step.status, agent, target and target.id, target and target.type,
    )  # fmt: skip


_COLLECTIONS = frozenset(BASES.values())
