from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from auditlog_tui.analysis import gathering, lineage
from auditlog_tui.analysis.counting import Counting
from auditlog_tui.analysis.gathering import Basis, Figure, Gatherer
from auditlog_tui.analysis.lineage import MOST_IDENTITIES, MOST_TARGETS, NOT_IN_LOG, State
from auditlog_tui.analysis.revocation import revocation
from auditlog_tui.analysis.who import HOUR_US, Report, Subject, Who, notes, subject_in, subjects_in
from auditlog_tui.errors import ServerError
from auditlog_tui.log.log import Log
from auditlog_tui.log.origin import Origin
from auditlog_tui.log.view import View
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.text.times import DAY_US
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, Json, entry
from tests.unit.views import ignore, load, now, query_of
from tests.unit.walks import Held

THIEF = Subject("actor", "thief")


def does(number: int, actor: str, action: str, target: str | None = None, **more: Any) -> Json:
    kind = action.split(".")[0]
    return entry(
        number,
        action=action,
        actor={"id": actor, "name": f"name of {actor}", "type": "api_key"},
        target=None if target is None else {"id": target, "type": kind},
        **more,
    )


def noise(first: int, count: int) -> list[Json]:
    return [does(first + n, "somebody", "vm.read", "vm-1") for n in range(count)]


INCIDENT = [
    does(1, "admin", "api_key.created", "thief"),
    does(10, "thief", "vm.read", status_code=403),
    does(20, "thief", "api_key.created", "second"),
    does(21, "thief", "api_key.created", "third", status_code=422),
    does(22, "thief", "api_key.created", "third"),
    does(30, "second", "vm.deleted", "vm-1", client_ip="203.0.113.9"),
    does(31, "second", "api_key.created", "fourth"),
    does(32, "second", "vm.deleted", "vm-2", status_code=403),
    does(40, "third", "vm.read", "vm-1"),
    does(50, "admin", "api_key.deleted", "third"),
    does(60, "thief", "vm.read", "vm-1", at=3 * 24 * 3600),
    *noise(1_000, 300),
]
"""A stolen key makes two, one of which makes another that is never used. One is deleted, and three are left."""


async def opened(api: FakeApi, text: str = "") -> tuple[Counting, View]:
    """A log of which a page was fetched."""
    log = Log(api, EntryStore())
    view = View(log, query_of(text))
    await view.more(1, ignore)
    return Counting(log), view


async def report_on(api: FakeApi, subject: Subject = THIEF, *, everything: bool = False) -> Report:
    counting, view = await opened(api)
    who = Who(subject, Gatherer(counting, view, everything=everything))
    await who.load(ignore)
    return who.report


def states(report: Report) -> dict[str, State]:
    return {each.creation.target: each.survival.state for each in report.lineage}


# -- the incident --------------------------------------------------------------------------------------------------


async def test_what_a_stolen_key_left_behind() -> None:
    report = await report_on(FakeApi(INCIDENT))
    assert report.exact
    assert (report.name, report.type, report.total, report.refused.n) == (
        "name of thief", "api_key", Figure(5, Basis.EXACT), 2,
    )  # fmt: skip
    assert states(report) == {"second": State.KEPT, "third": State.DELETED, "fourth": State.KEPT}
    used = {each.creation.target: (each.used.n, each.refused.n, each.destructive.n) for each in report.lineage}
    assert used == {"second": (3, 1, 1), "third": (1, 0, 0), "fourth": (0, 0, 0)}
    assert [each.creation.target for each in report.lineage if each.never_used] == ["fourth"]
    assert [(each.depth, each.creation.by) for each in report.lineage] == [(1, "thief"), (1, "thief"), (2, "second")]
    assert [(each.created, each.creation and each.creation.by) for each in report.ancestors] == [
        ("thief", "admin"), ("admin", None),
    ]  # fmt: skip
    assert report.ancestors[-1].reason == NOT_IN_LOG


async def test_the_most_dangerous_comes_first() -> None:
    report = await report_on(FakeApi(INCIDENT), Subject("ip", "203.0.113.7"))
    ranks = [each.severity for each in report.summary.succeeded]
    assert ranks == sorted(ranks, key=["access", "destroy", "network", "change", "read"].index)
    assert report.summary.succeeded[0].action == "api_key.created"


async def test_each_line_has_the_filter_of_its_entries() -> None:
    report = await report_on(FakeApi(INCIDENT), Subject("actor", "second"))
    counting, _ = await opened(FakeApi(INCIDENT))
    summary = report.summary
    lines = {each.filter: each.n for each in (*summary.succeeded, *summary.refused)}
    lines |= {each.filter: each.n for each in (*summary.addresses, *summary.agents)}
    lines |= {each.filter: each.n for each in summary.sessions}
    assert len(lines) > 4
    for text, n in lines.items():
        assert (await load(View(counting.log, query_of(text)))).summary().rows == n, text
    assert report.summary.deleted[0].filter == "actor:second target:vm-1 action:vm.deleted"


async def test_a_value_is_novel_unless_the_subject_began_with_it() -> None:
    report = await report_on(FakeApi(INCIDENT), Subject("actor", "second"))
    assert [(each.value, each.n, each.novel) for each in report.summary.addresses] == [
        ("203.0.113.7", 2, True), ("203.0.113.9", 1, False),
    ]  # fmt: skip


async def test_a_long_span_has_a_bar_a_day_and_a_short_one_an_hour() -> None:
    api = FakeApi(INCIDENT)
    assert (await report_on(api)).summary.strip_step_us == HOUR_US
    late = does(70, "thief", "vm.read", at=4 * 24 * 3600)
    report = await report_on(FakeApi([*INCIDENT, late]))
    assert report.summary.strip_step_us == DAY_US
    assert sum(bar.n for bar in report.summary.strip) == report.total.n


# -- what it costs -------------------------------------------------------------------------------------------------


async def test_the_requests_that_it_makes() -> None:
    api = FakeApi(INCIDENT)
    counting, view = await opened(api)
    before = len(api.calls)
    who = Who(THIEF, Gatherer(counting, view))
    await who.load(ignore)
    asked = [params for params, _, _ in api.calls[before:]]
    named = [(name, value) for params in asked for name, value in params.items()]
    canaries = [each for each in named if each[1] not in {"thief", "admin", "second", "third", "fourth"}]
    subjects = [each for each in named if each not in canaries]
    assert sorted(subjects) == [
        ("actor_id", "fourth"), ("actor_id", "second"), ("actor_id", "thief"), ("actor_id", "third"),
        ("target_id", "admin"), ("target_id", "fourth"), ("target_id", "second"), ("target_id", "thief"),
        ("target_id", "third"),
    ]  # fmt: skip
    assert [name for name, _ in canaries] == ["actor_id", "target_id", "sort"]
    assert counting.requests == len(subjects) + 1
    again = len(api.calls)
    await who.load(ignore)
    assert len(api.calls) == again


async def test_a_log_that_is_loaded_is_not_asked() -> None:
    api = FakeApi(INCIDENT)
    counting, view = await opened(api)
    await load(view)
    before = len(api.calls)
    who = Who(THIEF, Gatherer(counting, view))
    await who.load(ignore)
    assert len(api.calls) == before
    assert who.report.exact
    assert states(who.report) == states(await report_on(FakeApi(INCIDENT)))


async def test_targets_and_identities_are_asked_about_up_to_a_limit_and_that_is_told() -> None:
    made = [does(n, "thief", "api_key.created", f"key-{n}") for n in range(130)]
    machines = [does(200 + n, "thief", "vm.created", f"machine-{n}") for n in range(30)]
    api = FakeApi([*made, *machines, *noise(1_000, 300)])
    report = await report_on(api)
    targets = {params["target_id"] for params, _, _ in api.calls if params.get("target_id", "").startswith("key")}
    assert len(targets) == MOST_TARGETS
    assert not any(params.get("target_id", "").startswith("machine") for params, _, _ in api.calls)
    assert (report.unasked, report.lineage_unasked, len(report.lineage)) == (60, 130 - MOST_IDENTITIES, 100)
    unknown = [each for each in report.created if each.survival.state is State.UNKNOWN]
    assert len(unknown) == 60
    assert all("not asked" in each.survival.reason for each in unknown)
    assert not report.exact
    assert any("60 created targets not asked about: at most 100 are." in note for note in notes(report))


async def test_what_the_subject_deleted_itself_is_not_asked_about() -> None:
    log = [does(1, "thief", "vm.created", "vm-9"), does(2, "thief", "vm.deleted", "vm-9"), *noise(1_000, 300)]
    api = FakeApi(log)
    report = await report_on(api)
    assert [each.survival.state for each in report.created] == [State.DELETED]
    assert not any(params.get("target_id") == "vm-9" for params, _, _ in api.calls)


# -- too many entries ----------------------------------------------------------------------------------------------


async def test_of_many_entries_the_counts_are_exact_and_the_rest_is_of_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gathering, "MOST_WALKED", 200)
    busy = [does(2_000 + n, "thief", "vm.read", "vm-1", status_code=404 if n % 10 else 200) for n in range(400)]
    report = await report_on(FakeApi([*INCIDENT[:-301], *noise(1_000, 300), *busy]))
    assert (report.basis, report.loaded) == (Basis.LOADED, 200)
    assert report.total == Figure(404, Basis.EXACT)
    assert report.refused == Figure(2 + 360, Basis.EXACT)
    assert (report.first.us, report.first.basis) == (START_US + 10_000_000, Basis.EXACT)
    assert (report.last.us, report.last.basis) == (START_US + 2_399_000_000, Basis.EXACT)
    assert sum(each.n for each in report.summary.refused) == 180
    # its creations are far older than what is loaded, and were asked for by their action
    assert states(report) == {"second": State.KEPT, "third": State.DELETED, "fourth": State.KEPT}
    assert not report.partial
    assert report.settled == {"thief"}
    assert revocation(report).of.startswith("all: ")
    assert not report.exact
    said = notes(report)
    assert "200 of 404 entries are loaded, the newest: what is marked loaded is of these." in said


async def report_of_many(monkeypatch: pytest.MonkeyPatch, *between: Json, arrives: Json | None = None) -> Report:
    """The report on a key with 800 entries, of which 200 are fetched, and others in between."""
    monkeypatch.setattr(gathering, "MOST_WALKED", 200)
    old, new = ([does(at + n, "thief", "vm.read", "vm-1") for n in range(400)] for at in (2_000, 4_000))
    api = FakeApi([*INCIDENT[:-301], *noise(1_000, 300), *old, *between, *new])
    counting, view = await opened(api)
    gatherer = Gatherer(counting, view)
    if arrives is not None:
        await gatherer.of("actor", "thief")
        api.entries.append(arrives)
    who = Who(THIEF, gatherer)
    await who.load(ignore)
    return who.report


@pytest.mark.parametrize(
    "between",
    [
        does(3_000, "thief", "invitation.sent", "guest"),
        does(3_000, "thief", "secret.issued", "secret-1"),
        does(3_000, "thief", "", "guest"),
        {**does(3_000, "thief", "vm.read", "guest"), "action": None},
    ],
)
async def test_an_action_that_was_not_seen_leaves_it_open_what_was_created(
    between: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = await report_of_many(monkeypatch, between)
    assert report.partial == {"thief": ("api_key.created", "user.created")}
    assert not report.settled
    (doubt,) = revocation(report).doubts
    assert "What was created by another action" in doubt.text
    said = notes(report)
    assert any(note.startswith("Created by thief: known of the loaded entries") for note in said)


async def test_a_creation_in_between_is_found_by_its_action_and_the_list_is_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = await report_of_many(monkeypatch, does(3_000, "thief", "user.created", "guest"))
    assert "guest" in states(report)
    assert revocation(report).of.startswith("all: ")


async def test_new_entries_leave_the_list_all_and_late_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    new = does(9_000, "thief", "vm.read", "vm-1")
    assert (await report_of_many(monkeypatch, arrives=new)).settled == {"thief"}
    late = does(3_000, "thief", "invitation.sent", "guest")
    assert not (await report_of_many(monkeypatch, arrives=late)).settled


async def test_a_creation_without_a_target_by_what_was_created_leaves_it_open() -> None:
    report = await report_on(FakeApi([*INCIDENT, does(33, "second", "api_key.created")]))
    assert report.untold_creations == 1
    assert any("without a readable target" in str(doubt) for doubt in revocation(report).doubts)
    assert not report.exact


@pytest.mark.parametrize("unseen", [[], [does(3_000, "stranger", "vm.read", "vm-1", client_ip="192.0.2.9")]])
async def test_all_who_acted_from_a_busy_address_are_known_if_their_numbers_add_up(
    unseen: list[Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "MOST_WALKED", 200)
    old, new = (
        [does(at + n, f"key-{n % 2}", "vm.read", "vm-1", client_ip="192.0.2.9") for n in range(400)]
        for at in (2_000, 4_000)
    )
    report = await report_on(FakeApi([*noise(1_000, 300), *old, *unseen, *new]), Subject("ip", "192.0.2.9"))
    assert report.settled == (set() if unseen else {"192.0.2.9"})
    assert bool(revocation(report).doubts) == bool(unseen)


async def test_where_enough_was_fetched_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_FETCHED", 300)
    busy = [does(2_000 + n, f"key-{n % 4}", "vm.read", "vm-1", status_code=404) for n in range(600)]
    made = [does(n, "thief", "api_key.created", f"key-{n}") for n in range(4)]
    old = does(10, "key-3", "api_key.created", "oldest")
    api = FakeApi([*made, old, *noise(1_000, 300), *busy])
    report = await report_on(api)
    known = {each.creation.target: each for each in report.lineage}
    assert [known[f"key-{n}"].used for n in range(3)] == [Figure(150, Basis.EXACT)] * 3
    assert [known[f"key-{n}"].refused for n in range(3)] == [Figure(150, Basis.EXACT)] * 3
    assert known["key-3"].used == Figure(151, Basis.EXACT)
    assert sum(each.destructive.basis is Basis.LOADED for each in known.values()) == 2
    assert known["oldest"].depth == 2
    assert set(report.partial or ()) < set(known)
    assert not report.exact


async def test_of_a_log_that_is_loaded_the_newest_are_kept_and_the_counts_are_exact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gathering, "MOST_KEPT", 3)
    counting, view = await opened(FakeApi(INCIDENT))
    await load(view)
    requests = counting.requests
    who = Who(THIEF, Gatherer(counting, view))
    await who.load(ignore)
    report = who.report
    assert (report.basis, report.loaded, report.total) == (Basis.LOADED, 3, Figure(5, Basis.EXACT))
    assert report.refused == Figure(2, Basis.EXACT)
    assert report.first.us == START_US + 10_000_000
    assert [each.first_us for each in report.summary.addresses] == [START_US + 21_000_000]
    assert counting.requests == requests
    assert not report.exact


async def test_a_target_with_too_many_entries_for_a_page_is_not_said_to_be_kept() -> None:
    log = [
        does(1, "thief", "api_key.created", "second"),
        *(does(100 + n, "somebody", "api_key.read", "second") for n in range(150)),
        *noise(1_000, 300),
    ]
    report = await report_on(FakeApi(log))
    assert [each.survival.state for each in report.created] == [State.UNKNOWN]
    assert "newest 100 of 151" in report.created[0].survival.reason
    below = await report_on(FakeApi(log), Subject("actor", "second"))
    assert [each.creation and each.creation.by for each in below.ancestors][:1] == ["thief"]


# -- what can't be known -------------------------------------------------------------------------------------------


async def test_a_server_that_ignores_filters_is_believed_nothing() -> None:
    api = FakeApi(INCIDENT, ignores=EVERY_FILTER)
    report = await report_on(api)
    assert (report.basis, report.total.basis) == (Basis.LOADED, Basis.LOADED)
    assert not report.exact
    assert report.survival.state is State.UNKNOWN
    assert any("others may exist" in note for note in notes(report))
    whole = await report_on(FakeApi(INCIDENT, ignores=EVERY_FILTER), everything=True)
    assert whole.exact
    assert states(whole) == {"second": State.KEPT, "third": State.DELETED, "fourth": State.KEPT}


@pytest.mark.parametrize("ignores", [{"actor_id"}, {"target_id"}, {"sort"}])
async def test_each_parameter_is_believed_by_itself(ignores: set[str]) -> None:
    report = await report_on(FakeApi(INCIDENT, ignores=ignores))
    assert (report.total.basis is Basis.EXACT) is (ignores != {"actor_id"})
    kept = [each for each in report.created if each.survival.state is State.KEPT]
    assert not kept or ignores != {"target_id"}
    assert not any(each.never_used for each in report.lineage) or ignores != {"actor_id"}


async def test_never_used_is_not_said_where_an_actor_can_not_be_read() -> None:
    odd = entry(900, actor={"id": 5}, action="vm.read")
    report = await report_on(FakeApi([*INCIDENT, odd], ignores=EVERY_FILTER), everything=True)
    assert not any(each.never_used for each in report.lineage)
    assert not report.exact
    assert report.unsure == 1
    assert any("may belong here too" in note for note in notes(report))


async def test_not_deleted_is_not_said_where_a_target_can_not_be_read() -> None:
    odd = does(900, "admin", "api_key.deleted") | {"target": {"id": 5, "type": "api_key"}}
    report = await report_on(FakeApi([*INCIDENT, odd], ignores=EVERY_FILTER), everything=True)
    assert states(report) == {"second": State.UNKNOWN, "third": State.DELETED, "fourth": State.UNKNOWN}
    harmless = odd | {"action": "api_key.read"}
    report = await report_on(FakeApi([*INCIDENT, harmless], ignores=EVERY_FILTER), everything=True)
    assert states(report)["fourth"] is State.KEPT


@pytest.mark.parametrize(
    "fault", [{"status_code": "204"}, {"created_at": "no time", "_us": START_US + 95_000_000}, {"action": 7}]
)
async def test_a_deletion_that_can_not_be_read_leaves_it_open(fault: Json) -> None:
    report = await report_on(FakeApi([*INCIDENT, does(95, "admin", "api_key.deleted", "fourth") | fault]))
    assert states(report)["fourth"] is State.UNKNOWN


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        *(({"status_code": status}, State.UNKNOWN) for status in (302, 0, None, 199, 600)),
        *(({"status_code": status}, State.KEPT) for status in (400, 404, 599)),
        ({"action": None, "method": "DELETE", "status_code": 204}, State.UNKNOWN),
        ({"action": "", "method": "delete", "status_code": 204}, State.UNKNOWN),
        ({"action": None, "method": None, "status_code": 204}, State.UNKNOWN),
        ({"action": None, "method": "DELETE", "status_code": 403}, State.KEPT),
        ({"action": None, "method": "GET", "status_code": 200}, State.KEPT),
    ],
)
async def test_a_deletion_that_may_have_happened_leaves_it_open(fields: Json, state: State) -> None:
    report = await report_on(FakeApi([*INCIDENT, does(95, "admin", "api_key.deleted", "fourth") | fields]))
    assert states(report)["fourth"] is state


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"status_code": 302}, "unknown"),
        ({"status_code": 404}, NOT_IN_LOG),
        ({"action": None, "method": "POST"}, "unknown"),
        ({"action": None, "method": "GET"}, NOT_IN_LOG),
    ],
)
async def test_a_creation_that_may_have_happened_leaves_the_creator_open(fields: Json, reason: str) -> None:
    log = [does(1, "admin", "api_key.created", "thief") | fields, does(10, "thief", "vm.read"), *noise(1_000, 300)]
    (creator,) = (await report_on(FakeApi(log))).ancestors
    assert creator.reason.startswith(reason)


@pytest.mark.parametrize("actor", ["fourth", {"id": 5}])
async def test_a_loaded_actor_that_no_filter_finds_leaves_never_used_open(actor: object) -> None:
    odd = does(1_300, "admin", "vm.read", "vm-1", at=4 * 24 * 3600) | {"actor": actor}
    report = await report_on(FakeApi([*INCIDENT, odd]))
    assert not any(each.never_used for each in report.lineage)
    assert not report.exact
    assert any("may belong here too" in note for note in notes(report))


async def test_a_loaded_target_that_no_filter_finds_leaves_not_deleted_open() -> None:
    odd = does(1_300, "admin", "api_key.deleted", at=4 * 24 * 3600) | {"target": ["fourth"]}
    report = await report_on(FakeApi([*INCIDENT, odd]))
    assert states(report) == {"second": State.UNKNOWN, "third": State.DELETED, "fourth": State.UNKNOWN}
    assert State.KEPT not in {each.survival.state for each in report.created}


async def test_a_deletion_in_another_version_of_an_entry_counts() -> None:
    log = [*INCIDENT, does(95, "admin", "api_key.deleted", "fourth", status_code=500)]
    log += [does(95, "admin", "api_key.deleted", "fourth", status_code=204)]
    assert states(await report_on(FakeApi(log)))["fourth"] is State.DELETED


async def test_a_creation_in_another_version_of_an_entry_counts() -> None:
    busy = [does(2_000 + n, "second", "vm.read", "vm-1") for n in range(150)]
    twice = [does(95, "second", "api_key.created", "fifth", status_code=code) for code in (500, 201)]
    report = await report_on(FakeApi([*INCIDENT, *busy, *twice]))
    assert states(report) == {
        "second": State.KEPT, "third": State.DELETED, "fourth": State.KEPT, "fifth": State.KEPT,
    }  # fmt: skip


async def test_a_log_that_breaks_off_is_told() -> None:
    api = FakeApi(INCIDENT, ignores=EVERY_FILTER)
    api.trouble = dict.fromkeys(range(3, 20), "refuse")
    report = await report_on(api, everything=True)
    assert report.basis is Basis.LOADED
    assert not report.exact
    assert State.KEPT not in {*states(report).values(), *(each.survival.state for each in report.created)}


async def test_a_log_that_arrives_incomplete_says_why() -> None:
    made = [does(2_000 + n, "thief", "vm.read", "vm-1") for n in range(150)]
    api = FakeApi([*INCIDENT, *made], ignores={"created_at_min", "created_at_max"})
    counting, view = await opened(api)
    api.trouble = dict.fromkeys(range(2, 100), "refuse")
    who = Who(THIEF, Gatherer(counting, view))
    await who.load(ignore)
    assert (who.report.basis, who.report.total) == (Basis.LOADED, Figure(155, Basis.EXACT))
    assert any(note.startswith("Incomplete: ") for note in notes(who.report))


async def test_where_the_log_begins_is_told() -> None:
    report = await report_on(FakeApi(INCIDENT))
    assert report.began.us == START_US + 1_000_000
    assert "The log begins 2027-01-15 08:00:01 UTC: what was before is unknown." in notes(report)


# -- graphs --------------------------------------------------------------------------------------------------------


async def test_identities_that_created_each_other_are_listed_once() -> None:
    log = [
        does(1, "a", "api_key.created", "b"), does(2, "b", "api_key.created", "c"),
        does(3, "c", "api_key.created", "a"), does(4, "c", "api_key.created", "b"),
        does(5, "a", "api_key.created", "a"), *noise(1_000, 300),
    ]  # fmt: skip
    report = await report_on(FakeApi(log), Subject("actor", "a"))
    assert [(each.creation.target, each.depth) for each in report.lineage] == [("b", 1), ("c", 2)]
    assert [each.created for each in report.ancestors] == ["a"]  # which created itself last


async def test_a_long_line_of_creators_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "MOST_ANCESTORS", 3)
    log = [does(n, f"key-{n}", "api_key.created", f"key-{n + 1}") for n in range(9)]
    report = await report_on(FakeApi([*log, *noise(1_000, 300)]), Subject("actor", "key-8"))
    assert [each.created for each in report.ancestors] == ["key-8", "key-7", "key-6"]


async def test_of_kinds_that_are_unknown_those_that_act_are_identities() -> None:
    log = [
        does(1, "thief", "gadget.created", "acting"), does(2, "thief", "gadget.created", "idle"),
        does(3, "thief", "vm.created", "vm-7"), does(4, "acting", "vm.read"), *noise(1_000, 300),
    ]  # fmt: skip
    api = FakeApi(log)
    report = await report_on(api)
    assert list(states(report)) == ["acting"]
    assert {each.creation.target for each in report.created} == {"acting", "idle", "vm-7"}
    assert not any(params.get("actor_id") == "vm-7" for params, _, _ in api.calls)


# -- while it works ------------------------------------------------------------------------------------------------


async def test_what_is_known_so_far_never_says_more_than_is_known() -> None:
    counting, view = await opened(FakeApi(INCIDENT))
    who = Who(THIEF, Gatherer(counting, view))
    reports: list[Report] = []
    await who.load(lambda: reports.append(who.report))
    assert len(reports) > 5
    assert [report.done for report in reports].index(True) == len(reports) - 1
    assert not any(report.exact for report in reports[:-1])
    final = {each.creation.target: each.survival for each in reports[-1].created}
    for report in reports:
        for each in report.created:
            assert each.survival.state is State.UNKNOWN or each.survival == final[each.creation.target]


async def test_it_may_be_cancelled_and_goes_on_where_it_was() -> None:
    api = Held(INCIDENT)
    api.answer.set()
    counting, view = await opened(api)
    who = Who(THIEF, Gatherer(counting, view))
    known = asyncio.Event()
    task = asyncio.create_task(who.load(lambda: known.set() if who.report.basis is not Basis.UNKNOWN else None))
    await known.wait()
    api.answer.clear()
    api.asked.clear()
    await api.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert now(who.report.total == Figure(5, Basis.EXACT))
    assert not who.report.done
    api.answer.set()
    before = len(api.calls)
    await who.load(ignore)
    assert who.report.exact
    assert not any(params.get("actor_id") == "thief" for params, _, _ in api.calls[before:])


async def test_an_error_of_the_server_leaves_what_is_known() -> None:
    api = FakeApi(INCIDENT)
    counting, view = await opened(api)
    who = Who(THIEF, Gatherer(counting, view))

    def fail() -> None:
        if who.report.basis is not Basis.UNKNOWN:
            api.fails = ServerError("The server failed.", status=500)

    with pytest.raises(ServerError):
        await who.load(fail)
    assert who.report.total == Figure(5, Basis.EXACT)
    assert not who.report.done
    api.fails = None
    await who.load(ignore)
    assert who.report.exact


# -- subjects ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("203.0.113.7", [("ip", "203.0.113.7")]), ("2001:DB8::1", [("ip", "2001:db8::1")]),
        ("some-id", [("actor", "some-id"), ("target", "some-id")]), ("target:some-id", [("target", "some-id")]),
        ('actor:"a b"', [("actor", "a b")]), ("ip:203.0.113.7", [("ip", "203.0.113.7")]), ("  ", []),
    ],
)  # fmt: skip
def test_what_a_text_may_be_about(text: str, meant: Iterable[tuple[str, str]]) -> None:
    assert [(each.kind, each.value) for each in subjects_in(text)] == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("thief", "actor"),
        ("fourth", "target"),
        ("203.0.113.9", "ip"),
        ("target:thief", "target"),
    ],
)  # fmt: skip
async def test_an_id_is_an_actors_if_it_acted(text: str, meant: str) -> None:
    counting, view = await opened(FakeApi(INCIDENT))
    subject = await subject_in(text, Gatherer(counting, view))
    assert subject is not None
    assert subject.kind == meant
    assert await subject_in("nobody", Gatherer(counting, view)) is None


async def test_an_address_of_many_spellings_is_counted_as_the_log_spells_it() -> None:
    log = [does(1, "a", "vm.read", client_ip="2001:db8::1"), does(2, "b", "vm.read", client_ip="2001:0db8::0001")]
    (subject,) = subjects_in("2001:0DB8:0::1")
    report = await report_on(FakeApi([*log, *noise(1_000, 300)]), subject)
    assert report.total == Figure(1, Basis.EXACT)
    assert "Other spellings of this address, if the log has any, are left out." in notes(report)


async def test_a_view_of_the_subject_alone_that_is_complete_is_enough_for_its_own_part() -> None:
    api = FakeApi(INCIDENT)
    counting, view = await opened(api, "actor:thief")
    await load(view)
    before = len(api.calls)
    who = Who(THIEF, Gatherer(counting, view))
    await who.load(ignore)
    assert states(who.report) == {"second": State.KEPT, "third": State.DELETED, "fourth": State.KEPT}
    assert not any(params.get("actor_id") == "thief" for params, _, _ in api.calls[before:])


async def test_a_view_of_one_target_says_nothing_of_the_others() -> None:
    counting, view = await opened(FakeApi(INCIDENT), "target:second")
    await load(view)
    who = Who(THIEF, Gatherer(counting, view))
    await who.load(ignore)
    assert who.report.exact
    assert states(who.report) == {"second": State.KEPT, "third": State.DELETED, "fourth": State.KEPT}


async def test_a_target_tells_who_acted_on_it() -> None:
    report = await report_on(FakeApi(INCIDENT), Subject("target", "third"))
    assert [(each.value, each.n) for each in report.summary.actors] == [("thief", 2), ("admin", 1)]
    assert (report.survival.state, report.survival.by) == (State.DELETED, "admin")
    assert not report.created
    assert not report.lineage


async def test_what_turns_out_to_be_missing_later_makes_nothing_exact() -> None:
    origin = Origin("kept", START_US + DAY_US, stated=True, kind="archive")
    log = Log(FakeApi(INCIDENT), EntryStore(), origin=origin)
    who = Who(Subject("actor", "thief"), Gatherer(Counting(log)))
    await who.load(ignore)
    before = who.report
    assert before.exact
    assert not revocation(before).doubts
    log.note_missing("a part of it is damaged")
    after = who.report
    assert after.lacks == "a part of it is damaged"
    assert not after.exact
    assert after.total == Figure(5, Basis.HERE)
    assert revocation(after).doubts
