"""Local evaluation over simple entries; the independent evaluator must agree with the store."""

from __future__ import annotations

from datetime import UTC

import pytest

from auditlog_tui.entries.models import read_entry
from auditlog_tui.query import freeze, parse
from tests.unit.query.evaluate import matches
from tests.unit.query.here import kept_here, planned
from tests.unit.query.server import PARAMETERS
from tests.unit.query.strategies import NOON_US


@pytest.mark.parametrize(
    ("text", "entry", "found"),
    [
        ("action:vm.*", '{"action": "vm.created"}', True),
        ("action:vm.*", '{"action": "vm."}', True),
        ("action:vm.*", '{"action": "VM.created"}', False),
        ("action:*", '{"action": ""}', True),
        ("action:*", "{}", False),
        ("action:a*b*c", '{"action": "a-b-c"}', True),
        ("action:a*b*c", '{"action": "abc"}', True),
        ("action:a*b*c", '{"action": "ac"}', False),
        ("action:a*b*c", '{"action": "acc"}', False),
        ("action:ab*ba", '{"action": "aba"}', False),
        ("action:a*bc*c", '{"action": "abc"}', False),
        ("action:*b*", '{"action": "abc"}', True),
        ("action:*.created", '{"action": "vm.created.not"}', False),
        ('action:"vm.*"', '{"action": "vm.created"}', False),
        (r"action:vm.\*", '{"action": "vm.*"}', True),
        ("action:a,b", '{"action": "b"}', True),
        ("action:a,b*", '{"action": "bb"}', True),
        ('action:""', '{"action": ""}', True),
        ('action:""', "{}", False),
        ("method:delete", '{"method": "DELETE"}', True),
        ("method:delete", '{"method": "delete"}', False),
        ('method:"delete"', '{"method": "delete"}', True),
        ("actor.name:ALICE", '{"actor": {"name": "alice smith"}}', True),
        ("actor.name:strasse", '{"actor": {"name": "Straße"}}', True),
        ("path:/V1", '{"path": "/v1/volumes"}', True),
        ("path:~^/V1", '{"path": "/v1/volumes"}', False),
        ("path:~x,volumes", '{"path": "/v1/volumes"}', False),
        ('path:~"x",volumes', '{"path": "/v1/volumes"}', True),
        ("ua:terraform", '{"user_agent": "HashiCorp Terraform/1.9"}', True),
        ("terraform", '{"user_agent": "HashiCorp Terraform/1.9"}', True),
        ("403", '{"status_code": 403}', True),
        ("2026-11", '{"created_at": "2026-11-22T12:00:00Z"}', True),
        ("e-1", '{"id": "e-1"}', True),
        ("vm", '{"target": {"type": "vm"}}', True),
        ('"vm 1"', '{"target": {"type": "vm", "id": "1"}}', False),
        ("ip:203.0.113.0/24", '{"client_ip": "203.0.113.7"}', True),
        ("ip:203.0.113.0/24", '{"client_ip": "203.0.114.7"}', False),
        ("ip:203.0.113.0/24", '{"client_ip": "::ffff:203.0.113.7"}', True),
        ("ip:203.0.113.0/24", '{"client_ip": "203.0.113.7:52344"}', True),
        ("ip:203.0.113.0/24", '{"client_ip": "10.0.0.1, 203.0.113.7"}', True),
        ("ip:203.0.113.0/24", '{"client_ip": " 203.0.113.7 "}', True),
        ("ip:203.0.113.0/24", '{"client_ip": "203.000.113.007"}', True),
        ("ip:203.0.113.0/24", '{"client_ip": "[::ffff:203.0.113.7]:52344"}', True),
        ("ip:203.0.113.0/24", '{"client_ip": "203.0.114.7, 10.0.0.1:80"}', False),
        ("ip:203.0.113.0/24", '{"client_ip": "203.0.113.7.8"}', False),
        ("ip:203.0.113.0/24", '{"client_ip": "203.0.113.1234"}', False),
        ("ip:2001:db8::/32", '{"client_ip": "[2001:db8::1]:443"}', True),
        ("ip:2001:db8::1", '{"client_ip": "[2001:DB8::1]:443"}', True),
        ("ip:[2001:db8::1]", '{"client_ip": "2001:db8::1"}', True),
        ("ip:203.0.113.0/24", '{"client_ip": "unknown"}', False),
        ("ip:203.0.113.0/24", "{}", False),
        ("ip:2001:db8::/32", '{"client_ip": "2001:DB8::1"}', True),
        ("ip:2001:DB8::1", '{"client_ip": "2001:db8:0::1"}', True),
        ("ip:2001:db8::1", '{"client_ip": "2001:db8:0::1"}', True),
        ('ip:"2001:db8::1"', '{"client_ip": "2001:db8:0::1"}', False),
        ("ip:2001:db8::1/128", '{"client_ip": "2001:db8:0::1"}', True),
        ("ip:::ffff:203.0.113.7", '{"client_ip": "::ffff:cb00:7107"}', True),
        ('ip:"203.0.113.7"', '{"client_ip": "203.0.113.7"}', True),
        ("status:403,5xx", '{"status_code": 503}', True),
        ("status:403,5xx", '{"status_code": 404}', False),
        ("status:>=9223372036854775808", '{"status_code": 9223372036854775807}', False),
        ("status:<=-9223372036854775808", '{"status_code": -9223372036854775807}', False),
        ("target:none", "{}", True),
        ("target:none", '{"target": null}', True),
        ("target:none", '{"target": {}}', True),
        ("target:none", '{"target": {"type": "vm"}}', False),
        ("target:none", '{"target": {"id": "none"}}', False),
        ('target:"none"', '{"target": {"id": "none"}}', True),
        ("target:none", '{"status_code": "x"}', True),
        ("target:none,t-1", '{"target": {"id": "t-1"}}', True),
        ("created:>2026-11-22T12:00Z", '{"created_at": "2026-11-22T12:00:00Z"}', False),
        ("created:>2026-11-22T12:00Z", '{"created_at": "2026-11-22T12:00:00.000001Z"}', True),
        ("created:<2026-11-22T12:00Z", '{"created_at": "2026-11-22T13:59:59+02:00"}', True),
        ("created:2026-11-20,today", '{"created_at": "2026-11-21T12:00:00Z"}', False),
        ("id:e-1,e-2", '{"id": "e-2"}', True),
    ],
)
def test_an_entry_is_found(text: str, entry: str, found: bool) -> None:
    log = [read_entry(entry)]
    assert matches(freeze(parse(text), NOON_US, UTC), log[0]) is found
    assert kept_here(log, planned(text, PARAMETERS)) == (log if found else [])
    assert kept_here(log, planned(f"-{text}", PARAMETERS)) == ([] if found else log)


@pytest.mark.parametrize(
    "text",
    ["action:a", "actor:u-1", "ip:203.0.113.7", "path:/v1", "path:~.", "status:403", "created:today", "ua:x"],
)  # fmt: skip
@pytest.mark.parametrize("entry", ['{"id": "e-1"}', '{"id": "e-1", "target": 7, "action": null, "path": null}'])
def test_a_negation_keeps_what_lacks_the_field(text: str, entry: str) -> None:
    log = [read_entry(entry)]
    assert kept_here(log, planned(f"-{text}")) == log
    assert kept_here(log, planned(text, PARAMETERS)) == []


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("status:>=400", '{"status_code": "403"}'),
        ("target:none", '{"target": {"id": 7}}'),
        ("target:none", '{"target": 7}'),
        ("target:none", "[]"),
        ("created:2026-11-22", '{"created_at": "noon"}'),
        ("last:1h", '{"created_at": "noon"}'),
        ("ua:curl", '{"user_agent": "cu\udcffrl"}'),
        ("ua:curl", '{"user_agent": "a", "user_agent": "curl"}'),
        ("ua:curl", '{"user_agent\\ud800": "curl"}'),
        ("ua:curl", '{"user_agent": "cu"rl"}'),
        ("actor.name:alice", '{"actor": "Alice"}'),
        ("curl", '{"user_agent": ["curl"]}'),
        ("ip:203.0.113.0/24", '{"client_ip": "203.0.113.\udcff"}'),
        ("action:vm.*", '{"action": 7}'),
    ],
)
def test_a_field_that_can_not_be_read_never_hides_its_entry(text: str, entry: str) -> None:
    log = [read_entry(entry)]
    assert kept_here(log, planned(text, PARAMETERS)) == log
    assert kept_here(log, planned(f"-{text}", PARAMETERS)) == log


@pytest.mark.parametrize("agent", ["cur\tl", "cur\x1bl", 'cur\\"\x00l'])
def test_a_raw_control_character_leaves_a_value_that_can_be_compared(agent: str) -> None:
    log = [read_entry(f'{{"user_agent": "{agent}"}}')]
    assert log[0].unreadable
    for text, found in (("ua:cur", True), ("ua:l", True), ("ua:curl", False)):
        assert kept_here(log, planned(text)) == (log if found else [])
        assert kept_here(log, planned(f"-{text}")) == ([] if found else log)


def test_negated_lists_leave_out_every_value() -> None:
    log = [read_entry(f'{{"id": "e-{n}", "status_code": {n}}}') for n in (200, 403, 409)]
    assert kept_here(log, planned("-status:403,409")) == log[:1]
    assert kept_here(log, planned("-status:403 -status:409")) == log[:1]


def test_a_query_of_as_many_values_as_allowed_can_be_evaluated() -> None:
    texts = ",".join(f"10.{n // 250}.{n % 250}.0/24" for n in range(499))
    log = [read_entry('{"client_ip": "10.1.248.9"}')]
    assert kept_here(log, planned(f"ip:{texts} -ip:10.0.0.1")) == log
