"""What is said of a filter that nothing matches."""

from __future__ import annotations

from datetime import UTC

import pytest

from auditlog_tui.analysis.no_matches import compared_fields, reasons, similar_actions, warnings
from auditlog_tui.entries.models import read_entry
from auditlog_tui.query import Query, freeze, parse
from auditlog_tui.query.seen_values import Seen
from tests.unit.query.strategies import NOON_US


def seen() -> Seen:
    found = Seen()
    found.take([
        read_entry(
            '{"id": "e-1", "action": "vm.deleted", "created_at": "2026-11-20T12:00:00Z", "path": "/v1/vms/vm-1",'
            ' "client_ip": "203.0.113.7:52344", "method": "DELETE", "status_code": 403, "user_agent": "curl/8",'
            ' "actor": {"id": "u-1", "name": "Grace Chen", "type": "user"}, "target": {"id": "vm-1", "type": "vm"}}'
        ),
        read_entry(
            '{"id": "e-2", "action": "volume.created", "created_at": "2026-11-21T12:00:00Z",'
            ' "client_ip": "2001:DB8:0::1", "actor": {"id": "k-1", "name": null, "type": "service"}}'
        ),
    ])  # fmt: skip
    return found


def query(text: str) -> Query:
    return freeze(parse(text), NOON_US, UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("action:VM.DELETED", ["Case matters; seen: action:vm.deleted"]),
        ("action:vm.delete", ["Similar: action:vm.deleted"]),
        ("action:vm.deletes", ["Similar: action:vm.deleted"]),
        ("action:volume.cre", ["Similar: action:volume.created"]),
        ("action:deleted", ["Similar: action:vm.deleted"]),
        ("action:vm.deleted,volume.create", ["Similar: action:volume.created"]),
        ("target:VM-1", ["Case matters; seen: target:vm-1"]),
        ("action:vm.remove", ["Similar: action:vm.deleted"]),
        ("action:vm.rebooted", ["Similar: action:vm.deleted"]),
        ("action:deletd", ["Similar: action:vm.deleted"]),
        ("action:volum", ["Similar: action:volume.created"]),
        ("action:login", []),
        ("action:*.deletd", ["Similar in a sample: action:*.deleted"]),
        ("action:vm.delt*", ["Similar in a sample: action:vm.deleted*"]),
        ("action:*.deleted status:500", []),
        ("action:*_*", []),
        ("target.type:vn method:GET", ["Similar in a sample: target.type:vm"]),
        ("target:vn-1", ["Similar in a sample: target:vm-1", "target: takes the ID; a kind is target.type:vn-1"]),
        ("alise", []),
        ("grase", ["Similar in a sample: Grace"]),
        ("deletd status:500", ["Similar in a sample: deleted"]),
        ("grace status:500", []),
        ("method:DELTE", ["Similar in a sample: method:DELETE"]),
        ('actor:"grace chen"', ['actor: takes the ID; the name is actor.name:"Grace Chen"']),
        ("actor:ci-deploy", ["actor: takes the ID; a name is actor.name:ci-deploy"]),
        ("-actor:ci-deploy", []),
        ("actor:123e4567", ["actor: takes the whole ID; a part of it ends with a star: actor:123e4567*"]),
        ("actor:abba", ["actor: takes the ID; a name is actor.name:abba"]),
        ("actor:123e4567-e89b-12d3-a456-426614174000", []),
        ("actor:u-1 status:500", []),
        ("target:volume", ["target: takes the ID; a kind is target.type:volume"]),
        ('actor.name:"Grase Chen"', ['Similar in a sample: actor.name:"Grace Chen"']),
        ("actor.name:grase", ["Similar in a sample: actor.name:Grace"]),
        ("actor.name:grace", []),
        ('actor.name:"race ch" status:500', []),
        ("path:/v1/vns", ["Similar in a sample: path:v1/vms"]),
        ("path:/volumes", []),
        ("ua:crul", ["Similar in a sample: ua:curl"]),
        ("path:/ ua:--", []),
        ("ip:2001:db8::1", []),
        ("ip:203.0.113.7", ['Seen in another spelling: ip:"203.0.113.7:52344"']),
        ('"status=403"', ['"status=403" is searched for as text; the filter is status:403']),
        ("yesterday", ['"yesterday" is searched for as text; the filter is created:yesterday']),
        ('"2h"', ['"2h" is searched for as text; the filter is last:2h']),
        ('"203.0.113.0/24"', ['"203.0.113.0/24" is searched for as text; the filter is ip:203.0.113.0/24']),
        ("action:vm\u200b.deleted", ["action: contains an invisible character: type it again."]),
        ("te\u200brraform", ["The text contains an invisible character: type it again."]),
        ("created:<2026-01-01", ["The time ends before the oldest entry seen: 2026-11-20T12:00:00Z."]),
        ("created:>2026-11-22", ["The time begins in the future: now is 2026-11-22T12:00:00Z."]),
        ("last:1h", ["The time begins after the newest entry seen: 2026-11-21T12:00:00Z."]),
        ("created:2026-11-20..2026-11-21", []),
        (
            "created:2026-11-20T14:00",
            ["The time covers only one minute; created:>=2026-11-20T14:00:00Z begins there."],
        ),
        (
            "created:2026-11-20T14:00:05",
            ["The time covers only one second; created:>=2026-11-20T14:00:05Z begins there."],
        ),
        ("-action:VM.DELETED -created:<2026-01-01 sort:status", []),
        ("terraform status:500 path:/v2 ua:wget action:x*", []),
    ],
)
def test_what_was_seen_instead_is_said(text: str, said: list[str]) -> None:
    assert [line.replace(".000000Z", "Z") for line in reasons(query(text), seen(), NOON_US, "a sample")] == said


def test_nothing_is_said_of_a_log_of_which_nothing_was_seen() -> None:
    for text in ("action:VM.DELETED", "created:<2026-01-01", "ip:203.0.113.7"):
        assert reasons(query(text), Seen(), NOON_US) == []


def test_a_name_for_an_id_is_told_of_without_having_seen_it() -> None:
    assert reasons(query("actor:x"), Seen(), NOON_US) == ["actor: takes the ID; a name is actor.name:x"]


def test_the_form_of_the_verb_typed_goes_before_whatever_is_more_alike() -> None:
    found = Seen()
    found.take([read_entry(f'{{"id": "{n}", "action": "api_key.{n}"}}') for n in ("read", "create2", "created")])
    assert reasons(query("action:api_key.create"), found, NOON_US) == ["Similar: action:api_key.created"]
    assert "api_key.created," in reasons(query("action:api_key.creat"), found, NOON_US)[0] + ","


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("action:vm.create", ["vm.created"]),
        ("action:volume.deletd", ["volume.deleted"]),
        ("action:volume.purge", ["volume.deleted"]),
        ("action:subnet.updatd", ["subnet.updated"]),
        ("action:volume.detach status:500", ["volume.detached"]),
        ("-action:vm.create", []),
        ("action:vm.* actor:delete", []),
    ],
)
def test_actions_similar_to_the_one_typed_are_made_of_known_kinds_and_verbs(text: str, first: list[str]) -> None:
    assert similar_actions(query(text), seen())[:1] == first


def test_an_action_that_was_seen_is_not_asked_for_again() -> None:
    assert "vm.deleted" not in similar_actions(query("action:vm.deletd"), seen())


def test_a_kind_that_only_this_log_has_is_known() -> None:
    found = Seen()
    found.take(
        [
            read_entry('{"id": "1", "action": "robot.found"}'),
            read_entry('{"id": "2", "action": "vm.polished"}'),
        ]
    )
    assert similar_actions(query("action:robot.polishd"), found)[0] == "robot.polished"


def test_a_rare_value_among_many_is_still_compared() -> None:
    found = Seen()
    path = '"path": "/v1/a/b"'
    found.take(
        [read_entry(f'{{"id": "{n}", {path}, "actor": {{"id": "{n}", "name": "x{n}"}}}}') for n in range(900)] * 2
    )
    found.take([read_entry('{"id": "e", "path": "/v1/secrets", "actor": {"id": "m", "name": "mallory"}}')])
    assert reasons(query("actor.name:malory"), found, NOON_US) == ["Similar: actor.name:mallory"]
    assert reasons(query("path:secrts"), found, NOON_US) == ["Similar: path:secrets"]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("actor.name:a action:vm.read", {"actor.name"}),
        ("action:vm.read -ua:b last:1h", set()),
        ("action:*.deletd target.type:vm", {"action"}),
        ("word", {"action", "actor.name", "target.type", "ua", "path"}),
    ],
)
def test_fields_that_only_this_program_evaluates_are_compared(text: str, fields: set[str]) -> None:
    assert compared_fields(query(text)) == fields


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("actor.type:robot", ["Unknown actor.type:robot; known: user, api_key, service."]),
        ("actor.type:user,api_key,service", []),
        ("-actor.type:robot", ["Unknown actor.type:robot; known: user, api_key, service."]),
        ("actor.type:r*", []),
        ("target.type:robot", []),
    ],
)
def test_a_value_that_neither_contract_nor_log_knows_is_warned_of(text: str, said: list[str]) -> None:
    assert warnings(query(text), seen()) == said
