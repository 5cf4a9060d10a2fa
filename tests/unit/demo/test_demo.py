import ipaddress
import json
import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from random import Random
from urllib.parse import urlencode

import httpx
import pytest

from auditlog_tui.demo import Lineage, cast, demo_entries, demo_log, demo_truth, live_entries
from auditlog_tui.demo import __main__ as program
from auditlog_tui.demo.incident import story
from auditlog_tui.demo.noise import HOUR, Noise
from auditlog_tui.demo.server import serving
from auditlog_tui.errors import BadRequestError
from auditlog_tui.offline.sqlite_source import FlatEntry, SqliteSource
from auditlog_tui.offline.transport import Endpoints, OfflineTransport
from auditlog_tui.session.opening import Session
from auditlog_tui.settings.options import Settings
from auditlog_tui.text.times import instant_us
from tests.effort import THOROUGH

UNTIL = datetime(2026, 8, 20, 11, 34, 56, tzinfo=UTC)
TRUTH = demo_truth(until=UNTIL)
BEGAN_US, ENDED_US = cast.microseconds(TRUTH.began), cast.microseconds(TRUTH.ended)


@cache
def entries() -> tuple[FlatEntry, ...]:
    return tuple(demo_entries(until=UNTIL))


@cache
def by_id() -> dict[str, FlatEntry]:
    return {entry.id: entry for entry in entries()}


def attacks() -> list[FlatEntry]:
    return [by_id()[entry_id] for entry_id in TRUTH.entries]


def succeeded(action: str, log: Iterable[FlatEntry]) -> list[FlatEntry]:
    return [entry for entry in log if entry.action == action and 200 <= entry.status_code < 300]


def lineage_in(log: Sequence[FlatEntry], key_id: str) -> Lineage:
    """The lineage of a key as the entries tell it."""
    children = [e.target_id for e in succeeded("api_key.created", log) if e.actor_id == key_id and e.target_id]
    return Lineage(
        key_id,
        used=any(entry.actor_id == key_id for entry in log),
        revoked=any(entry.target_id == key_id for entry in succeeded("api_key.deleted", log)),
        created=tuple(lineage_in(log, child) for child in children),
    )


def own_keys(log: Sequence[FlatEntry]) -> dict[str, FlatEntry]:
    """The creations of keys that have nothing to do with the incident, by the key's ID."""
    return {
        entry.target_id: entry
        for entry in succeeded("api_key.created", log)
        if entry.target_id and entry.id not in TRUTH.entries
    }


def count(log: SqliteSource, **params: str | int) -> int:
    answer = Endpoints(log).answer("GET", f"/v1/audit_logs?{urlencode(params)}", {})
    number: int = json.loads(answer.body)["pagination"]["total_count"]
    return number


# -- the log -----------------------------------------------------------------------------------------------------


def test_the_same_until_and_seed_make_the_same_log() -> None:
    assert tuple(demo_entries(until=UNTIL)) == entries()
    assert demo_truth(until=UNTIL) == TRUTH


def test_fractions_of_a_second_and_zones_make_no_difference() -> None:
    same = UNTIL.astimezone(datetime.now().astimezone().tzinfo) + timedelta(microseconds=5)
    assert list(islice(demo_entries(until=same), 50)) == list(entries()[:50])
    assert demo_truth(until=same) == TRUTH


def test_another_seed_makes_another_log() -> None:
    assert not {entry.id for entry in demo_entries(until=UNTIL, seed=2)} & set(by_id())


@pytest.mark.parametrize("size", [110, 1_000, 20_000, 30_001] if THOROUGH else [110, 1_000, 5_003])
def test_a_log_has_the_size_that_was_asked_for(size: int) -> None:
    assert count(demo_log(entries=size, until=UNTIL)) == size


def test_a_log_holds_the_incident_however_small_it_is() -> None:
    assert set(TRUTH.entries) <= {entry.id for entry in demo_entries(entries=0, until=UNTIL)}


def test_ids_are_uuids_and_unique() -> None:
    assert len(by_id()) == len(entries()) == 20_000
    assert all(str(uuid.UUID(entry_id)) == entry_id and entry_id[14] == "4" for entry_id in by_id())


def test_entries_come_oldest_first_over_two_weeks_up_to_now() -> None:
    instants = [entry.created_us for entry in entries()]
    assert instants == sorted(instants)
    assert timedelta(days=13) < timedelta(microseconds=instants[-1] - instants[0]) <= timedelta(days=14)
    now_us = cast.microseconds(UNTIL)
    assert now_us - timedelta(minutes=20) / timedelta(microseconds=1) < instants[-1] < now_us


def test_more_entries_reach_further_back() -> None:
    first = next(demo_entries(entries=40_000, until=UNTIL))
    assert cast.microseconds(UNTIL - timedelta(days=28)) <= first.created_us < entries()[0].created_us


def test_weekdays_and_office_hours_are_busier() -> None:
    moments = [datetime.fromtimestamp(entry.created_us // 1_000_000, UTC) for entry in entries()]
    weekdays = Counter(moment.weekday() for moment in moments)
    assert weekdays[2] > 3 * weekdays[6] > 0
    hours = Counter(moment.hour for moment in moments)
    assert hours[10] > 3 * hours[3] > 0


def test_every_address_is_reserved_for_documentation() -> None:
    reserved = [
        ipaddress.ip_network(network)
        for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
    ]
    used = {ipaddress.ip_address(entry.client_ip) for entry in entries()}
    assert all(any(address in network for network in reserved) for address in used)
    assert {address.version for address in used} == {4, 6}


def test_some_requests_fail() -> None:
    classes = Counter(entry.status_code // 100 for entry in entries())
    assert set(classes) == {2, 4, 5}
    assert 0.02 < classes[4] / len(entries()) < 0.035
    assert 0.0005 < classes[5] / len(entries()) < 0.005


def test_a_terraform_run_puts_many_entries_on_one_instant() -> None:
    (instant, crowd), *_ = Counter(entry.created_us for entry in entries()).most_common(1)
    assert crowd > 90
    assert {entry.actor_name for entry in entries() if entry.created_us == instant} <= {
        "terraform-prod", "terraform-staging",
    }  # fmt: skip


def test_a_target_is_an_id_and_a_kind_or_neither() -> None:
    assert all((entry.target_id is None) == (entry.target_type is None) for entry in entries())
    assert any(entry.target_id is None for entry in entries())


def test_a_failed_creation_has_no_target() -> None:
    failed = [entry for entry in entries() if entry.action.endswith(".created") and entry.status_code >= 400]
    assert failed
    assert all(entry.target_id is None for entry in failed)


def test_some_actors_have_no_name() -> None:
    nameless = {(entry.actor_id, entry.actor_type) for entry in entries() if entry.actor_name is None}
    assert {kind for _, kind in nameless} == {"user", "api_key"}
    endpoints = Endpoints(demo_log(until=UNTIL))
    found = json.loads(endpoints.answer("GET", f"/v1/audit_logs?actor_id={min(nameless)[0]}", {}).body)
    assert found["items"][0]["actor"] == {"id": min(nameless)[0], "name": None, "type": min(nameless)[1]}


def test_actors_are_many_and_each_has_one_name() -> None:
    names = {(entry.actor_id, entry.actor_name, entry.actor_type) for entry in entries()}
    assert len(names) == len({actor_id for actor_id, _, _ in names})
    kinds = Counter(kind for _, _, kind in names)
    assert kinds["user"] >= 8
    assert kinds["api_key"] >= 6


def test_log_and_transport_answer_with_the_settings_asked_for() -> None:
    first = Endpoints(demo_log(entries=100, until=UNTIL), generation=1, api_key="k")
    assert first.answer("GET", "/v1/audit_logs", {}).status == 401
    answer = first.answer("GET", "/v1/audit_logs?sort=ignored", {"Authorization": "Bearer k"})
    assert answer.status == 200


async def test_the_transport_answers_up_to_now() -> None:
    transport = OfflineTransport(demo_log(entries=500))
    async with httpx.AsyncClient(transport=transport, base_url="https://demo.invalid") as client:
        found = (await client.get("/v1/audit_logs")).json()
    assert found["pagination"]["total_count"] == 500
    newest_us = instant_us(found["items"][0]["created_at"])
    now_us = cast.microseconds(datetime.now(UTC))
    assert newest_us is not None
    assert now_us - 24 * 3600 * 1_000_000 < newest_us <= now_us


# -- the incident ------------------------------------------------------------------------------------------------


def test_every_entry_of_the_truth_is_found_by_its_id() -> None:
    log = Endpoints(demo_log(entries=1_000, until=UNTIL))
    answers = [log.answer("GET", f"/v1/audit_logs/{entry_id}", {}) for entry_id in TRUTH.entries]
    assert {answer.status for answer in answers} == {200}
    assert [json.loads(answer.body)["id"] for answer in answers] == list(TRUTH.entries)


def test_the_attackers_addresses_tell_exactly_the_attackers_entries() -> None:
    assert [entry.id for entry in entries() if entry.client_ip in TRUTH.addresses] == list(TRUTH.entries)
    log = demo_log(until=UNTIL)
    assert sum(count(log, client_ip=address) for address in TRUTH.addresses) == len(TRUTH.entries)


def test_the_truth_knows_when_it_began_and_ended() -> None:
    instants = [entry.created_us for entry in attacks()]
    assert instants == sorted(instants)
    assert (instants[0], instants[-1]) == (BEGAN_US, ENDED_US)
    assert UNTIL - timedelta(hours=12) < TRUTH.began < TRUTH.ended < UNTIL - timedelta(hours=6)


def test_the_stolen_key_is_used_from_two_addresses_with_two_agents() -> None:
    uses = Counter((e.client_ip, e.user_agent) for e in entries() if e.actor_id == TRUTH.key_id)
    assert len(uses) == len({address for address, _ in uses}) == len({agent for _, agent in uses}) == 2
    assert {entry.actor_name for entry in entries() if entry.actor_id == TRUTH.key_id} == {TRUTH.key_name}


def test_neither_agent_nor_failures_alone_give_the_attacker_away() -> None:
    assert any(e.user_agent.startswith("python-requests") for e in entries() if e.id not in TRUTH.entries)
    assert any(e.status_code == 403 for e in entries() if e.id not in TRUTH.entries)


def test_the_attack_begins_with_refusals_and_then_reads() -> None:
    codes = [entry.status_code for entry in attacks()]
    assert set(codes[:10]) == {401, 403}
    first_success = next(entry for entry in attacks() if entry.status_code == 200)
    assert first_success.method == "GET"


def test_the_attacker_makes_two_keys_and_destroys_with_one_of_them() -> None:
    made = [e.target_id for e in succeeded("api_key.created", attacks()) if e.actor_id == TRUTH.key_id]
    assert made == list(TRUTH.new_keys)
    using = {(e.actor_id, e.client_ip) for e in attacks()}
    assert using == {
        (TRUTH.key_id, TRUTH.addresses[0]), *((key_id, TRUTH.addresses[1]) for key_id in TRUTH.new_keys),
    }  # fmt: skip
    destroyers = {e.actor_id for e in attacks() if e.target_id in TRUTH.destroyed and e.method == "DELETE"}
    assert destroyers == {TRUTH.new_keys[0]}


def test_what_was_destroyed_had_a_history_and_has_no_more() -> None:
    assert len(set(TRUTH.destroyed)) == len(TRUTH.destroyed) == 12
    for target_id in TRUTH.destroyed:
        history = [entry for entry in entries() if entry.target_id == target_id]
        assert history[0].created_us < BEGAN_US
        assert (history[-1].action, history[-1].id in TRUTH.entries) == (f"{history[-1].target_type}.deleted", True)


def test_volumes_are_detached_before_they_are_deleted() -> None:
    order = [e.action for e in attacks() if e.target_type == "volume" and e.target_id in TRUTH.destroyed[:1]]
    assert order[-2:] == ["volume.detached", "volume.deleted"]


def test_the_attacker_fails_to_delete_a_project() -> None:
    assert [e.status_code for e in attacks() if e.action == "project.deleted"] == [403]


def test_the_pipeline_goes_on_during_the_attack() -> None:
    own = [e for e in entries() if e.actor_id == TRUTH.key_id and e.client_ip not in TRUTH.addresses]
    assert sum(BEGAN_US < entry.created_us < ENDED_US for entry in own) >= 18


def test_alice_revokes_two_keys_and_nothing_works_with_them_after() -> None:
    tried = [e for e in entries() if e.action == "api_key.deleted" and e.target_id in family()]
    assert {entry.actor_id for entry in tried} == {cast.ALICE.id}
    assert [entry.target_id for entry in tried] == [TRUTH.key_id, *TRUTH.new_keys]
    revoked = {entry.target_id: entry.created_us for entry in tried[:2]}
    after = [e for e in entries() if e.created_us > revoked.get(e.actor_id, ENDED_US)]
    assert {entry.status_code for entry in after if entry.actor_id in revoked} == {401}


def test_a_key_whose_deletion_failed_still_works() -> None:
    (tried,) = [e for e in entries() if e.action == "api_key.deleted" and e.target_id == TRUTH.new_keys[1]]
    assert tried.status_code >= 400
    uses = [entry for entry in attacks() if entry.actor_id == TRUTH.new_keys[1]]
    assert all(entry.created_us > tried.created_us for entry in uses)
    assert {entry.status_code for entry in uses} == {200, 403}


# -- the keys ----------------------------------------------------------------------------------------------------


def family() -> set[str]:
    """The stolen key and all that were created with it, and with those."""
    return {key.key_id for key in TRUTH.lineage.all()}


@pytest.mark.parametrize("size", [0, 730, 20_000])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_lineage_is_what_the_log_tells(size: int, seed: int) -> None:
    log = tuple(demo_entries(entries=size, until=UNTIL, seed=seed))
    assert lineage_in(log, TRUTH.key_id) == demo_truth(until=UNTIL, seed=seed).lineage


def test_what_must_be_revoked_was_made_by_the_attacker_and_deleted_by_nobody() -> None:
    made, reached = {TRUTH.key_id}, -1
    while len(made) > reached:
        reached = len(made)
        made |= {e.target_id for e in succeeded("api_key.created", entries()) if e.actor_id in made and e.target_id}
    assert len(made) == 4
    deleted = {entry.target_id for entry in succeeded("api_key.deleted", entries())}
    assert set(TRUTH.to_revoke) == made - deleted
    assert len(TRUTH.to_revoke) == 2


def test_one_of_the_new_keys_makes_a_third_that_is_never_used() -> None:
    first, second = TRUTH.lineage.created
    (third,) = first.created
    assert not second.created
    assert [entry.action for entry in entries() if entry.target_id == third.key_id] == ["api_key.created"]
    assert not [entry for entry in entries() if entry.actor_id == third.key_id]


def test_other_users_create_use_and_delete_keys_too() -> None:
    own = own_keys(entries())
    deleted = {entry.target_id for entry in succeeded("api_key.deleted", entries())} & set(own)
    used = {entry.actor_id for entry in entries()} & set(own)
    assert len({creation.actor_id for creation in own.values()}) >= 5
    assert {creation.actor_type for creation in own.values()} == {"user"}
    for kind in (used & deleted, used - deleted, deleted - used, set(own) - deleted):
        assert kind
    assert set(own) - deleted > {cast.CI_DEPLOY_2.id}


@pytest.mark.parametrize("until", [UNTIL + timedelta(hours=hours) for hours in range(0, 72, 9)])
def test_no_key_is_used_before_its_creation_or_works_after_its_deletion(until: datetime) -> None:
    log = tuple(demo_entries(entries=4_000, until=until))
    created = {entry.target_id: entry.created_us for entry in succeeded("api_key.created", log)}
    deleted = {entry.target_id: entry.created_us for entry in succeeded("api_key.deleted", log)}
    assert len(created) == len(succeeded("api_key.created", log))
    assert all(entry.created_us > created.get(entry.actor_id, 0) for entry in log)
    assert all(at > created.get(key_id, 0) for key_id, at in deleted.items())
    after = [entry for entry in log if entry.created_us > deleted.get(entry.actor_id, entry.created_us)]
    assert {entry.status_code for entry in after} == {401}


def test_creations_that_were_refused_made_no_key() -> None:
    refused = [e for e in entries() if e.action == "api_key.created" and e.status_code == 403]
    assert {entry.id in TRUTH.entries for entry in refused} == {True, False}
    assert all(entry.target_id is None for entry in refused)
    assert {entry.actor_id for entry in refused if entry.id in TRUTH.entries} == {TRUTH.new_keys[1]}


def test_every_key_that_acts_was_there_before_or_was_created() -> None:
    acting = {entry.actor_id for entry in entries() if entry.actor_type == "api_key"}
    created = {entry.target_id for entry in succeeded("api_key.created", entries())}
    assert acting - created == {key.id for key in cast.KEYS}


def test_no_script_of_a_key_overlaps_another() -> None:
    us = cast.microseconds(UNTIL)
    source = Noise(Random(1), story(UNTIL))
    assert {entry.actor_type for _ in range(100) for entry in source.own_key(us)} == {"user"}
    hour_later = [source.own_key(us + HOUR) for _ in range(100)]
    scripts = Counter(script[0].actor_id for script in hour_later if script[0].actor_type == "api_key")
    assert scripts
    assert set(scripts.values()) == {1}


def test_the_pipeline_has_another_key_afterwards() -> None:
    later = {e.actor_name for e in entries() if e.created_us > ENDED_US}
    assert "ci-deploy" not in later
    assert "ci-deploy-2" in later


# -- the program -------------------------------------------------------------------------------------------------


def test_live_entries_are_new_and_go_on() -> None:
    fresh = list(islice(live_entries(until=UNTIL), 500))
    assert len({entry.id for entry in fresh} - set(by_id())) == 500
    assert len({entry.actor_name for entry in fresh}) > 5


def test_live_entries_use_and_delete_keys_that_they_created() -> None:
    fresh = list(islice(live_entries(until=UNTIL), 20_000))
    places: dict[str, int] = {}
    for number, entry in enumerate(fresh):
        if entry.action == "api_key.created" and entry.target_id:
            places[entry.target_id] = number
    assert any(entry.actor_id in places for entry in fresh)
    assert any(entry.target_id in places for entry in succeeded("api_key.deleted", fresh))
    assert all(places.get(entry.actor_id, -1) < number for number, entry in enumerate(fresh))


def test_live_entries_are_added_at_the_present_until_it_stops() -> None:
    waits: list[float | None] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            return len(waits) > 7

    log, stop, before_us = SqliteSource(), Stop(), cast.microseconds(datetime.now(UTC))
    program._live(log, UNTIL, 0.5, stop)
    assert waits == [0.5] * 8
    assert count(log) == 7
    newest = json.loads(Endpoints(log).answer("GET", "/v1/audit_logs", {}).body)["items"][0]
    newest_us = instant_us(newest["created_at"])
    assert newest_us is not None
    assert before_us <= newest_us <= cast.microseconds(datetime.now(UTC))


def test_the_thread_that_adds_entries_is_gone_when_the_server_ends() -> None:
    threads = set(threading.enumerate())
    with closing(SqliteSource()) as log, program._growing(log, UNTIL, 1_000, threading.Event()):
        while not count(log):
            time.sleep(0.001)
    assert set(threading.enumerate()) == threads


def test_a_log_that_can_not_be_filled_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    logs: list[SqliteSource] = []

    def fail(log: SqliteSource, entries: object) -> None:
        logs.append(log)
        raise MemoryError

    monkeypatch.setattr(SqliteSource, "add", fail)
    with pytest.raises(MemoryError):
        demo_log(entries=0)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        count(logs[0])


async def test_a_transport_that_is_closed_closes_its_log() -> None:
    log = SqliteSource()
    async with httpx.AsyncClient(transport=OfflineTransport(log), base_url="https://demo.invalid") as client:
        assert (await client.get("/v1/audit_logs")).status_code == 200
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        count(log)


def test_a_taken_port_is_an_error_that_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(SqliteSource()) as other, pytest.raises(SystemExit) as stopped:
        program.main(["--port", other.url.rpartition(":")[2], "--entries", "0"])
    assert stopped.value.code == 2
    assert "can't listen on port" in capsys.readouterr().err


async def test_its_errors_name_the_demo_and_no_server_that_was_never_asked() -> None:
    session = Session(Settings(demo=True))
    session.prepare()
    assert session.client is not None
    with pytest.raises(BadRequestError, match=r"^demo does not accept what was asked"):
        await session.client.list({"status_code_min": "x"}, limit=10)
    await session.close()
