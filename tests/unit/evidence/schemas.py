"""The public rules that lines of the hand-over formats are held against."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

import jsonschema_rs
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

Json = Any

# -- OCSF ----------------------------------------------------------------------------------------------------------


@lru_cache
def ocsf() -> jsonschema_rs.Draft202012Validator:
    """The validator of API Activity: it refuses names that the schema lacks."""
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.8.0")).get_class_schema("api_activity")
    return jsonschema_rs.Draft202012Validator(schema)


def check_ocsf(line: Json) -> None:
    ocsf().validate(line)
    assert line["type_uid"] == line["class_uid"] * 100 + line["activity_id"]
    assert ("activity_name" in line) == (line["activity_id"] == 99)


# -- ECS -----------------------------------------------------------------------------------------------------------

KEYWORDS = (
    "ecs.version", "event.action", "event.category", "event.dataset", "event.hash", "event.id", "event.kind",
    "event.original", "event.outcome", "event.type", "http.request.method", "related.user", "source.address", "tags",
    "url.path", "user.id", "user.name", "user_agent.original", "message",
)  # fmt: skip
ECS: dict[str, str] = {
    "@timestamp": "date", "http.response.status_code": "long", "related.ip": "ip", "source.ip": "ip",
    **dict.fromkeys(KEYWORDS, "keyword"),
}  # fmt: skip
"""Fields and their types, from `generated/csv/fields.csv` of elastic/ecs. The other types of text there (`wildcard`,
`match_only_text`) are `keyword` here."""

LISTS = frozenset({"event.category", "event.type", "related.ip", "related.user", "tags"})
"""Those that the same file has as an array."""

VALUES = {
    "ecs.version": {"9.4.0"},
    "event.kind": {"event"},
    "event.category": {"api"},
    "event.type": {"creation", "access", "change", "deletion"},
    "event.outcome": {"success", "failure", "unknown"},
}
"""The allowed values that this program uses, from ECS's pages on categorization fields."""

OWN = ("labels.", "nirvana.")
"""Where fields of our own may be. Values of labels are keywords."""


def leaves(value: Json, name: str = "") -> Iterator[tuple[str, Json]]:
    """The members of nested objects by dotted name."""
    if not isinstance(value, dict):
        yield name, value
        return
    for key, inner in value.items():
        assert "." not in key
        yield from leaves(inner, f"{name}.{key}" if name else key)


def check_ecs(line: Json) -> None:
    for name, value in leaves(line):
        if name.startswith(OWN):
            assert isinstance(value, str)
            continue
        assert isinstance(value, list) == (name in LISTS), name
        for each in value if isinstance(value, list) else [value]:
            _check_ecs_value(name, each)
    assert line["event"]["kind"] == "event"


def _check_ecs_value(name: str, value: Json) -> None:
    match ECS[name]:
        case "long":
            assert type(value) is int
            assert -(2**63) <= value < 2**63
        case "ip":
            assert "%" not in value
            ipaddress.ip_address(value)
        case "date":
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", value)
            datetime.fromisoformat(value)
        case _:
            assert isinstance(value, str)
    assert value in VALUES.get(name, {value})


# -- Timesketch ----------------------------------------------------------------------------------------------------

DROPPED = {"_id", "_type", "_index", "_source", "__ts_timeline_id"}
"""Names that Timesketch drops (`_scrub_special_tags`)."""


def check_timesketch(line: Json) -> None:
    """The rules of `read_and_validate_jsonl`: three mandatory texts, a flat object, tags in a list."""
    assert all(isinstance(line[name], str) and line[name] for name in ("message", "datetime", "timestamp_desc"))
    assert not DROPPED & line.keys()
    for name, value in line.items():
        assert isinstance(value, list) == (name in ("tag", "unreadable")), name
        assert all(isinstance(each, str | int) for each in (value if isinstance(value, list) else [value]))
    since = datetime.fromisoformat(line["datetime"]) - datetime(1970, 1, 1, tzinfo=timezone(timedelta()))
    assert line["timestamp"] == since // timedelta(microseconds=1)


CHECKS = {"ocsf": check_ocsf, "ecs": check_ecs, "timesketch": check_timesketch}
