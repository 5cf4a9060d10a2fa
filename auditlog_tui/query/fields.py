"""One registry of what can be filtered by: the parser, the help, the completion and README's table come from it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from auditlog_tui.query.syntax import WORD


class Kind(Enum):
    """How a field's values are written and compared."""

    EXACT = "the whole value"
    PART = "a part of the value, case-insensitive"
    ADDRESS = "an IP address or a network"
    NUMBER = "a number or a range"
    TIME = "a date, a time or a range"
    LAST = "a length of time before now"
    ORDER = "fields to sort by, - for descending"


@dataclass(frozen=True, slots=True)
class Field:
    """One key of the language.

    `params` are the API's parameters that it becomes, `here` what of it is evaluated locally. `columns` are those of
    the store. `server_order` is the API's name of the field where it can sort by it. `values` are the ones to offer
    before any was seen.
    """

    name: str
    kind: Kind
    params: tuple[str, ...]
    columns: tuple[str, ...]
    help: str
    example: str
    here: str = ""
    patterns: bool = False
    none: bool = False
    server_order: str = ""
    values: tuple[str, ...] = ()

    @property
    def globs(self) -> bool:
        return self.kind is Kind.EXACT and self.name != "id"

    @property
    def sortable(self) -> bool:
        return bool(self.columns) and self.kind is not Kind.LAST


_LIST = (
    Field(
        "action", Kind.EXACT, ("action",), ("action",),
        "what was done", "action:vm.created", here="`*` is anything: `action:vm.*`",
    ),
    Field("actor", Kind.EXACT, ("actor_id",), ("actor_id",), "who did it, by id", "actor:123e4567", here="`*`"),
    Field(
        "actor.name", Kind.PART, (), ("actor_name",),
        "part of the name of who did it", "actor.name:alice", here="all of it",
    ),
    Field(
        "actor.type", Kind.EXACT, ("actor_type",), ("actor_type",),
        "kind of who did it", "actor.type:api_key", here="`*`", values=("user", "api_key"),
    ),
    Field(
        "ip", Kind.ADDRESS, ("client_ip",), ("client_ip",),
        "the client's address", "ip:203.0.113.7",
        here="networks: `ip:203.0.113.0/24`; IPv6, in every spelling; `ip:\"2001:db8::1\"` asks the API for the one",
    ),
    Field(
        "method", Kind.EXACT, ("method",), ("method",),
        "HTTP method", "method:DELETE", here="`*`", values=("GET", "POST", "PUT", "PATCH", "DELETE"),
    ),
    Field(
        "path", Kind.PART, ("path",), ("path",),
        "part of the request's path; a word that begins with / is one too", "path:/volumes",
        here="regular expressions: `path:~^/v1/.*/keys$`", patterns=True,
    ),
    Field(
        "status", Kind.NUMBER, ("status_code_min", "status_code_max"), ("status_code",),
        "HTTP status", "status:>=400", here="lists: `status:403,409` (the API gets 403 to 409)",
        server_order="status_code", values=(">=400", "2xx", "4xx", "5xx", "403", "400..499"),
    ),
    Field(
        "target", Kind.EXACT, ("target_id",), ("target_id",),
        "what it was done to, by id", "target:123e4567",
        here="`*`; `target:none` is no target, `target:\"none\"` the id", none=True, values=("none",),
    ),
    Field(
        "target.type", Kind.EXACT, ("target_type",), ("target_type",),
        "kind of what it was done to", "target.type:vm", here="`*`",
    ),
    Field(
        "created", Kind.TIME, ("created_at_min", "created_at_max"), ("created_us",),
        "when: a day, a time, a..b, >=, >, <=, <, today, yesterday 14:00, -1h, nov 1, 10:00±5m",
        "created:2026-11-22..2026-11-23T06:00Z",
        here="what `>` and `<` exclude; lists",
        server_order="created_at", values=("today", "yesterday", ">=", "<="),
    ),
    Field(
        "last", Kind.LAST, ("created_at_min",), ("created_us",),
        "since so long ago: s, m, h, d, w", "last:24h", values=("15m", "1h", "24h", "7d", "2w"),
    ),
    Field(
        "sort", Kind.ORDER, ("sort",), (),
        "order; - is descending", "sort:status,-created",
        here="fields other than created and status sort what is loaded", values=("-created", "created", "-status"),
    ),
    Field("id", Kind.EXACT, (), ("key",), "one entry, by its id", "id:123e4567", here="lists"),
    Field("ua", Kind.PART, (), ("user_agent",), "part of the user agent", "ua:terraform", here="all of it"),
)  # fmt: skip

FIELD_OF_COLUMN: Mapping[str, str] = {
    "created_us": "created_at", "actor_id": "actor.id", "actor_name": "actor.name",
    "actor_type": "actor.type", "target_id": "target.id", "target_type": "target.type",
}  # fmt: skip
"""The API's name of what a column of the store holds, where that is another."""

FIELDS: Mapping[str, Field] = {field.name: field for field in _LIST}
"""Every key, by its name as typed, in the order in which help lists them."""

ANY = Field(
    WORD, Kind.PART, (),
    (
        "key", "created_at", "action", "actor_id", "actor_name", "actor_type", "client_ip", "method", "path",
        "status_code", "user_agent", "target_id", "target_type",
    ),
    "part of any field", 'terraform "two words"', here="all of it",
)  # fmt: skip
"""What a term without a key searches."""


_ELSEWHERE: Mapping[str, str] = {
    name: field
    for field, names in {
        "actor.name": "user username useremail email mail name who principal principalname principalemail login"
        " account useridentity useridentityusername actorlogin actoremail callername suser by",
        "actor": "userid principalid useridentityprincipalid useridentityaccesskeyid uid apikey apikeyid accesskeyid",
        "actor.type": "usertype useridentitytype principaltype",
        "ua": "agent useragent useragentoriginal httpuseragent client requestuseragent",
        "path": "url uri urlpath requesturi requestpath requesturl httpurl httppath httptarget endpoint route"
        " httprequestpath urloriginal csuristem",
        "created": "time timestamp date datetime eventtime ts when day createdon",
        "sort": "order orderby sortby",
        "status": "code httpcode httpstatus httpstatuscode httpresponsestatuscode responsecode responsestatus"
        " scstatus response result returncode httpresponsecode",
        "ip": "address host srcip srcipaddr src source sourceip sourceipaddress sourceaddress remoteip remoteaddr"
        " remoteaddress clientaddress networkclientip cip calleripaddress callerip actorip addr hostip xforwardedfor",
        "method": "verb httpmethod httpverb httprequestmethod requestmethod csmethod",
        "action": "event eventname eventaction eventtype operation operationname op evtname activity apicall"
        " methodname",
        "target": "resource resourceid resourcename object objectid objectrefname entityid",
        "target.type": "type resourcetype objecttype kind objectrefresource entitytype",
        "id": "eventid logid auditid uuid recordid entryid",
    }.items()
    for name in names.split()
}
"""What other tools call the keys, in lower case and without the punctuation in it."""

_PUNCTUATION = {ord(mark): None for mark in "_-.@$"}

BOUNDS: Mapping[str, str] = {"since": ">=", "from": ">=", "after": ">", "until": "<=", "to": "<=", "before": "<"}
"""Keys that bound `created:` from one side, each with its sign."""


def called(key: str) -> str | None:
    """The key that was meant by another name: the API's, the store's, or another tool's."""
    bare = key.lower().translate(_PUNCTUATION)
    for field in FIELDS.values():
        if bare in (name.translate(_PUNCTUATION) for name in (field.name, *field.params, *field.columns)):
            return field.name
    return _ELSEWHERE.get(bare)


def nearest(key: str) -> str | None:
    """The key that was meant by another name, or by one mistyped."""
    return called(key) or next(iter(difflib.get_close_matches(key[:40], FIELDS, 1, 0.7)), None)


def is_known(key: str) -> bool:
    """Whether this is one of our keys, or what another tool calls one."""
    return key.lower() in FIELDS or key.lower() in BOUNDS or called(key) is not None


def field_of(key: str) -> Field:
    """The field of a term's key, `WORD` included."""
    return ANY if key == WORD else FIELDS[key]


def fields_table() -> str:
    """The language as a Markdown table, for the README."""
    lines = ["| typed | meaning | the API gets | evaluated here |", "|---|---|---|---|"]
    for field in (*FIELDS.values(), ANY):
        params = ", ".join(f"`{name}`" for name in field.params) or "–"
        if field.name == "id":
            params = "its own endpoint"
        lines.append(f"| `{field.example}` | {field.help} | {params} | {field.here or '–'} |")
    lines.append("| `-key:value` | not: every entry that `key:value` leaves out | – | all of it |")
    lines.append("| `key:a,b` | either | what encloses them, of numbers and times | the rest |")
    return "\n".join(lines) + "\n"
