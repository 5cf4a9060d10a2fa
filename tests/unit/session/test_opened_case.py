"""A session over a case that is opened as a file, and one that keeps a case's log."""

from __future__ import annotations

import getpass
import json
import os
import platform
import sys
import threading
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

if sys.platform != "win32":
    import pwd

from auditlog_tui.entries.models import read_entry
from auditlog_tui.errors import CaseError, SecretError
from auditlog_tui.evidence.journal import check
from auditlog_tui.log.view import State
from auditlog_tui.session.filter_history import history_path
from auditlog_tui.session.kept_places import PLACES, begin, keep_places
from auditlog_tui.session.opening import Session
from auditlog_tui.settings.connection import Secret
from auditlog_tui.settings.options import Settings
from auditlog_tui.store import UNBOUNDED, case
from auditlog_tui.store.case import Owner, journal_lines, open_case, read_case
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.store.kept import write_query
from tests.effort import HANGS_S
from tests.unit.evidence.test_saved_case import made
from tests.unit.fake import FakeApi, entry
from tests.unit.views import ignore

KEY = "nv-key-0123456789abcdef"


@pytest.fixture(autouse=True)
def _private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def content(path: Path) -> dict[str, bytes]:
    """The case, and what is beside it."""
    return {each.name: each.read_bytes() for each in path.parent.glob("incident*")}


async def test_its_filters_come_back_in_the_bar_and_its_marks_in_the_table(tmp_path: Path) -> None:
    path = tmp_path / "incident.db"
    await made(path, "action:vm.created", "status:200", marks=2)
    data = content(path)
    session = Session(Settings(saved=str(path)))
    session.prepare()
    navigator = session.open(lambda wait: None)
    assert navigator.history.texts == ["action:vm.created", "status:200"]
    assert navigator.marks.count == 2
    assert navigator.marks.note_of("id-249") == "the way in #inc42"
    navigator.marks.mark([navigator.marks.marked()[0]])
    navigator.submit("method:POST")
    await session.close()
    assert content(path) == data


async def test_a_request_that_it_has_whole_is_complete_as_of_then_and_another_is_not(tmp_path: Path) -> None:
    path = tmp_path / "incident.db"
    api = FakeApi([entry(n, status_code=403 if n % 10 == 0 else 200) for n in range(250)])
    await made(path, "status:403", api=api)
    session = Session(Settings(saved=str(path)))
    session.prepare()
    navigator = session.open(lambda wait: None)
    for text, state in (
        ("status:403", State.COMPLETE),
        ("status:403 ua:curl", State.COMPLETE),
        ("status:403 sort:created", State.COMPLETE),
        ("status:403 method:POST", State.INCOMPLETE),
        ("", State.INCOMPLETE),
        ("status:>=400", State.INCOMPLETE),
    ):
        view = navigator.submit(text).view
        await view.more(UNBOUNDED, ignore)
        summary = view.summary()
        assert summary.state is state, text
        assert (summary.as_of is not None) == (state is State.COMPLETE), text
        assert len(view) == 25
    await session.close()


async def test_the_whole_log_is_complete_whatever_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "incident.db"
    await made(path, "")
    session = Session(Settings(saved=str(path)))
    session.prepare()
    navigator = session.open(lambda wait: None)
    for text in ("", "status:200", "method:GET"):
        view = navigator.submit(text).view
        await view.more(UNBOUNDED, ignore)
        assert view.summary().state is State.COMPLETE, text
    await session.close()


async def test_a_case_that_is_worked_in_has_a_log_without_the_key(tmp_path: Path) -> None:
    path, settings = tmp_path / "incident.db", Settings(key=Secret(KEY), case=str(tmp_path / "incident.db"))
    for _ in range(2):
        session = Session(settings)
        session.open_case()
        session.prepare()
        navigator = session.open(lambda wait: None)
        begin(navigator, "status:403")
        for text in (f"ua:{KEY}", f"-{KEY.upper()}", f'path:~"{KEY}"', f"auditlog-tui 'ua:{KEY}'", " ".join(KEY)):
            for typed in (navigator.submit, navigator.explain, navigator.moment, partial(begin, navigator)):
                with pytest.raises(SecretError, match="not searched for and not kept") as caught:
                    typed(text)
                assert KEY.casefold() not in f"{caught.value.text}{caught.value.hint}".casefold()
            with pytest.raises(SecretError):
                navigator.marks.note(read_entry("{}"), text)
        keep_places(navigator)
        navigator.journal.note("exported", {"by": KEY})
        await session.close()
    written = b"".join(content(path).values()).lower()
    assert b"status:403" in written
    assert KEY.encode().lower() not in written
    with closing(read_case(path)) as read:
        lines = [(number, str(text)) for number, text in journal_lines(read)]
    assert check(lines).broken == 0
    assert [json.loads(text)["kind"] for _, text in lines] == [
        "opened", "query", "exported", "ended", "opened", "resumed", "exported", "ended",
    ]  # fmt: skip
    assert KEY not in "".join(text for _, text in lines)
    opened = json.loads(lines[0][1])["fields"]
    assert opened["host"] == platform.node()
    assert opened["user"] == (pwd.getpwuid(os.geteuid()).pw_name if sys.platform != "win32" else getpass.getuser())


async def test_the_user_in_a_log_is_no_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "USERNAME", "HOSTNAME"):
        monkeypatch.setenv(name, "somebody-else")
    session = Session(Settings(key=Secret(KEY), case=str(tmp_path / "incident.db")))
    session.open_case()
    await session.close()
    with closing(read_case(tmp_path / "incident.db")) as read:
        assert "somebody-else" not in "".join(str(text) for _, text in journal_lines(read))


async def test_beside_the_process_that_writes_it_nothing_is_logged(tmp_path: Path) -> None:
    path = tmp_path / "incident.db"
    settings = Settings(key=Secret(KEY), case=str(path))
    with closing(open_case(path, Owner(settings.base_url))) as writer:
        session = Session(settings)
        session.open_case()
        session.prepare()
        navigator = session.open(lambda wait: None)
        navigator.submit("status:403")
        assert not navigator.journal.kept
        await session.close()
        assert list(journal_lines(writer)) == []


async def test_a_case_is_opened_beside_the_start_and_the_start_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checking a large one takes as long as all that comes before the first frame."""
    path = tmp_path / "incident.db"
    may_check = threading.Event()
    check = case._check

    def held(*args: Any) -> int:
        assert may_check.wait(HANGS_S)
        return check(*args)

    monkeypatch.setattr(case, "_check", held)
    session = Session(Settings(key=Secret(KEY), case=str(path)))
    begun = session.begin("")
    assert content(path).get(path.name, b"") == b""  # nothing is written before it is checked
    may_check.set()
    begun()
    session.prepare()
    session.open(lambda wait: None)
    await session.close()
    path.write_bytes(b"no case")
    with pytest.raises(CaseError, match="is no case"):
        Session(Settings(key=Secret(KEY), case=str(path))).begin("")()


async def test_what_a_version_that_kept_secrets_left_in_a_case_is_deleted(tmp_path: Path) -> None:
    path, settings = tmp_path / "incident.db", Settings(key=Secret(KEY), case=str(tmp_path / "incident.db"))
    with closing(open_case(path, Owner(settings.base_url))) as file:
        store = EntryStore(kept=file)
        for text in ("status:403", f"ua:{KEY}", *(f"status:{n}" for n in range(600))):
            write_query(store, text)
        file.keep_text(PLACES, json.dumps({"begun": KEY, "more": KEY * 1_000}))
    assert KEY.encode() in path.read_bytes()
    session = Session(settings)
    session.begin("")()
    session.prepare()
    navigator = session.open(lambda wait: None)
    begin(navigator, "")
    await session.close()
    assert not any(KEY.encode() in data for data in content(path).values())
    with closing(read_case(path)) as read:
        assert read.connection.execute("SELECT count(*) FROM typed").fetchone()[0] >= 601


async def test_what_a_version_that_kept_secrets_left_in_the_history_is_deleted(tmp_path: Path) -> None:
    path = history_path()
    path.parent.mkdir(parents=True)
    path.write_text(f"status:403\nua:{KEY}\n-{KEY.upper()} status:404\nstatus:500\n")
    session = Session(Settings(key=Secret(KEY)))
    session.prepare()
    assert session.open(lambda wait: None).history.texts == ["status:403", "status:500"]
    await session.close()
    assert path.read_text() == "status:403\nstatus:500\n"
