"""The registry of filter keys, from which the parser, help, completion and the README's table are derived."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from enum import Enum

from msgspec import Struct

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
    FLAG = "yes or no"


class Field(Struct, frozen=True):
    """One key of the language.

    `params` are the API parameters that it becomes; `here` describes the part evaluated locally. `columns` are the
    store's columns. `patterns` and `none` allow regular expressions and the value `none`. `server_order` is the
    field's name in the API's sort parameter, empty if the API can't sort by it. `values` are completions to offer
    before any value was seen. `of_marks`: it is about the user's marks and notes, which the server does not know.
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
    of_marks: bool = False

    @property
    def globs(self) -> bool:
        return self.kind is Kind.EXACT and self.name != "id"

    @property
    def sortable(self) -> bool:
        return bool(self.columns) and self.kind is not Kind.LAST


_LIST = (
    Field(
        "action", Kind.EXACT, ("action",), ("action",),
        "the action", "action:vm.created", here="`*` matches anything: `action:vm.*`",
    ),
    Field("actor", Kind.EXACT, ("actor_id",), ("actor_id",), "id of the actor", "actor:123e4567", here="`*`"),
    Field(
        "actor.name", Kind.PART, (), ("actor_name",),
        "part of the actor's name", "actor.name:alice", here="all of it",
    ),
    Field(
        "actor.type", Kind.EXACT, ("actor_type",), ("actor_type",),
        "type of the actor", "actor.type:api_key", here="`*`", values=("user", "api_key"),
    ),
    Field(
        "ip", Kind.ADDRESS, ("client_ip",), ("client_ip",),
        "the client's address", "ip:203.0.113.7",
        here="networks: `ip:203.0.113.0/24`; IPv6, in any spelling; `ip:\"2001:db8::1\"` is sent to the API as typed",
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
        server_order="status_code",
        values=(">=400", "2xx", "4xx", "5xx", "400", "401", "403", "404", "409", "429", "500", "503", "400..499"),
    ),
    Field(
        "target", Kind.EXACT, ("target_id",), ("target_id",),
        "id of the target", "target:123e4567",
        here="`*`; `target:none` is no target, `target:\"none\"` the id", none=True, values=("none",),
    ),
    Field(
        "target.type", Kind.EXACT, ("target_type",), ("target_type",),
        "type of the target", "target.type:vm", here="`*`",
    ),
    Field(
        "created", Kind.TIME, ("created_at_min", "created_at_max"), ("created_us",),
        "when: a day, a time, a..b, >=, >, <=, <, today, yesterday 14:00, -1h, nov 1, 10:00±5m",
        "created:2026-11-22..2026-11-23T06:00Z",
        here="the bounds that `>` and `<` exclude; lists",
        server_order="created_at", values=("today", "yesterday", ">=", "<="),
    ),
    Field(
        "last", Kind.LAST, ("created_at_min",), ("created_us",),
        "a length of time before now: s, m, h, d, w", "last:24h", values=("15m", "1h", "24h", "7d", "2w"),
    ),
    Field(
        "sort", Kind.ORDER, ("sort",), (),
        "sort order; - is descending", "sort:status,-created",
        here="loaded entries, by fields other than created and status", values=("-created", "created", "-status"),
    ),
    Field("id", Kind.EXACT, (), ("key",), "one entry, by its id", "id:123e4567", here="lists"),
    Field("ua", Kind.PART, (), ("user_agent",), "part of the user agent", "ua:terraform", here="all of it"),
    Field(
        "marked", Kind.FLAG, (), (), "entries that you marked, or did not", "marked:yes",
        here="all of it; without a request, as `tag:` and `note:`", values=("yes", "no"), of_marks=True,
    ),
    Field(
        "tag", Kind.EXACT, (), (), "a #tag in your note", "tag:inc42",
        here="all of it; `*`: `tag:inc*`", of_marks=True,
    ),
    Field("note", Kind.PART, (), (), "part of your note", "note:rotated", here="all of it", of_marks=True),
)  # fmt: skip

FIELD_OF_COLUMN: Mapping[str, str] = {
    "created_us": "created_at", "actor_id": "actor.id", "actor_name": "actor.name",
    "actor_type": "actor.type", "target_id": "target.id", "target_type": "target.type",
}  # fmt: skip
"""The API's field name for each store column that has a different name."""


def attribute_of(column: str) -> str:
    """The attribute path of a store column's value in an `Entry`: `fields.path`, `actor.id`."""
    name = FIELD_OF_COLUMN.get(column, column)
    return name if "." in name else f"fields.{name}"


FIELDS: Mapping[str, Field] = {field.name: field for field in _LIST}
"""Every key by its name as typed, in the order of the help."""

ANY = Field(
    WORD, Kind.PART, (),
    (
        "key", "created_at", "action", "actor_id", "actor_name", "actor_type", "client_ip", "method", "path",
        "status_code", "user_agent", "target_id", "target_type",
    ),
    "part of any field", 'terraform "two words"', here="all of it",
)  # fmt: skip
"""The field of a term without a key."""


_ALIASES: Mapping[str, str] = {
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
        "marked": "mark marks flagged starred bookmarked",
        "tag": "tags label labels hashtag",
        "note": "notes comment comments annotation",
    }.items()
    for name in names.split()
}
"""Our keys by their names in other tools, in lower case and without punctuation."""

_PUNCTUATION = {ord(mark): None for mark in "_-.@$"}

BOUNDS: Mapping[str, str] = {"since": ">=", "from": ">=", "after": ">", "until": "<=", "to": "<=", "before": "<"}
"""Keys that bound `created:` on one side, each with its comparison sign."""


def key_for(key: str) -> str | None:
    """Our key for a name that the API, the store or another tool uses; `None` if there is none."""
    bare = key.lower().translate(_PUNCTUATION)
    for field in FIELDS.values():
        if bare in (name.translate(_PUNCTUATION) for name in (field.name, *field.params, *field.columns)):
            return field.name
    return _ALIASES.get(bare)


def nearest(key: str) -> str | None:
    """Our key for a name used elsewhere or mistyped; `None` if there is none."""
    return key_for(key) or next(iter(difflib.get_close_matches(key[:40], FIELDS, 1, 0.7)), None)


def is_known(key: str) -> bool:
    """Whether this is one of our keys, or another tool's name for one."""
    return key.lower() in FIELDS or key.lower() in BOUNDS or key_for(key) is not None


def field_of(key: str) -> Field:
    """The field of a term's key; `WORD` is a valid key."""
    return ANY if key == WORD else FIELDS[key]


def fields_table() -> str:
    """The keys as a Markdown table, for the README."""
    lines = ["| typed | meaning | the API gets | evaluated here |", "|---|---|---|---|"]
    for field in (*FIELDS.values(), ANY):
        params = ", ".join(f"`{name}`" for name in field.params) or "–"
        if field.name == "id":
            params = "its own endpoint"
        lines.append(f"| `{field.example}` | {field.help} | {params} | {field.here or '–'} |")
    lines.append("| `-key:value` | not: every entry that `key:value` excludes | – | all of it |")
    lines.append("| `key:a,b` | either | the enclosing range, for numbers and times | the rest |")
    return "\n".join(lines) + "\n"
