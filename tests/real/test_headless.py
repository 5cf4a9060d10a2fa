"""The program as a command in a pipeline, against the demo's HTTP server."""

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from auditlog_tui.demo import cast, demo_log, live_entries
from auditlog_tui.demo.server import Fault, Serving, serving
from auditlog_tui.offline.sqlite_source import SqliteSource
from auditlog_tui.offline.transport import Answer, Endpoints
from tests.opened import lasting
from tests.real import forked
from tests.real.children import INTERRUPTIBLE, wait_until_full

UNTIL = datetime(2026, 11, 20, tzinfo=UTC)
PROGRAM = [sys.executable, "-m", "auditlog_tui"]


@cache
def log_of(entries: int) -> SqliteSource:
    """The demo's log. It is shared, so add nothing to it."""
    with lasting():
        return demo_log(entries=entries, until=UNTIL)


@pytest.fixture
def server() -> Iterator[Serving]:
    with serving(log_of(2_000)) as running:
        yield running


@dataclass
class Grown:
    """A server whose log grows by `grow`."""

    server: Serving
    log: SqliteSource
    added: int = 0

    def grow(self, count: int = 1) -> list[str]:
        """Write entries of now; returns their IDs."""
        now = datetime.now(UTC)
        fresh = islice(live_entries(until=now), self.added, self.added + count)
        entries = [entry._replace(created_us=cast.microseconds(now) + n) for n, entry in enumerate(fresh)]
        self.log.add(entries)
        self.added += count
        return [entry.id for entry in entries]


@pytest.fixture
def grown() -> Iterator[Grown]:
    log = demo_log(entries=500, until=datetime.now(UTC) - timedelta(minutes=1))
    with serving(log) as running:
        yield Grown(running, log)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    keep = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return keep | {"HOME": str(tmp_path), "NIRVANA_LABS_API_KEY": "any", "COLUMNS": "100"}


class Runner:
    def __init__(self, url: str, environ: dict[str, str]) -> None:
        self.environ = environ | {"NIRVANA_LABS_BASE_URL": url}

    def start(self, *arguments: str, before: Sequence[str] = (), **options: Any) -> "subprocess.Popen[bytes]":
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        command = [*INTERRUPTIBLE, *before, *PROGRAM] if before else forked.APP
        return forked.start([*command, *arguments], env=self.environ, **pipes)

    def done(self, *arguments: str) -> tuple[int, str, str]:
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=60)
            return process.returncode, out.decode(), err.decode()


@pytest.fixture
def program(server: Serving, environ: dict[str, str]) -> Runner:
    return Runner(server.url, environ)


def test_the_two_generations_give_identical_output(environ: dict[str, str]) -> None:
    queries = (
        ("list", "status:>=400", "--format", "jsonl"),
        ("list", "-method:GET", "--format", "csv"),
        ("list", "action:*.deleted sort:-status,created", "--limit", "20"),
        ("count", "ua:terraform"),
    )
    results = []
    for generation in (1, 2):
        with serving(log_of(2_000), generation=generation) as running:
            results.append([Runner(running.url, environ).done(*query) for query in queries])
    assert results[0] == results[1]
    for status, out, err in results[0]:
        assert (status, err) == (0, "")
        assert out


def test_get_writes_the_record_as_it_came(program: Runner) -> None:
    _, first, _ = program.done("list", "--limit", "1", "--format", "jsonl")
    entry_id = json.loads(first)["id"]
    assert program.done("get", entry_id) == (0, first, "")
    assert program.done("get", entry_id, "--format", "ids") == (0, f"{entry_id}\n", "")


def test_paths_are_told_without_a_key_and_with_settings_that_are_wrong(tmp_path: Path) -> None:
    state, settings = tmp_path / "state here", tmp_path / "settings"
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(state),
        "XDG_CONFIG_HOME": str(settings),
    }
    folder = settings / "auditlog-tui"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("nonsense")
    found = subprocess.run([*PROGRAM, "paths"], env=env, capture_output=True, timeout=60, check=True)
    assert found.stdout.decode().splitlines() == [
        f"settings  {folder / 'config.toml'}",
        f"marks     {state / 'auditlog-tui' / 'marks-*.sqlite3'}",
        f"history   {state / 'auditlog-tui' / 'history'}",
        f"history   {state / 'auditlog-tui' / 'history-*'}",
        "case      where --case says",
    ]
    assert found.stderr == b""
    assert not state.exists()
    helped = subprocess.run([*PROGRAM, "paths", "--help"], env=env, capture_output=True, timeout=60, check=True)
    assert helped.stdout.startswith(b"usage: auditlog-tui paths")


def test_paths_that_can_not_be_written_are_no_success(environ: dict[str, str]) -> None:
    with Path("/dev/full").open("wb") as full:
        found = subprocess.run(
            [*PROGRAM, "paths"], env=environ, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert (found.returncode, found.stderr) == (1, b"Standard output can't be written: No space left on device.\n")
    line = f"{sys.executable} -m auditlog_tui paths | true; echo ${{PIPESTATUS[0]}}"
    piped = subprocess.run(["bash", "-c", line], env=environ, capture_output=True, timeout=60, check=True)
    assert piped.stdout in (b"141\n", b"0\n")  # the reader may leave after the write
    assert piped.stderr == b""


def test_a_reader_that_leaves_ends_it_quietly(program: Runner) -> None:
    with program.start("list", "--format", "jsonl") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


def test_a_shell_pipeline(program: Runner) -> None:
    line = f"{sys.executable} -m auditlog_tui list -method:GET | head -1; echo ${{PIPESTATUS[0]}}"
    found = subprocess.run(["bash", "-c", line], env=program.environ, capture_output=True, timeout=60, check=True)
    assert len(found.stdout.splitlines()) == 2
    assert found.stderr == b""


@contextmanager
def listing(
    environ: dict[str, str], *before: str, entries: int = 20_000
) -> Iterator[tuple[Serving, "subprocess.Popen[bytes]"]]:
    """A listing under way; one line of it was read."""
    with (
        serving(log_of(entries), latency_ms=50) as running,
        Runner(running.url, environ).start("list", "--format", "ids", before=before) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline()
        yield running, process


def rest_of(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    """The number of lines still to read, and what was said on standard error."""
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdout.read().count(b"\n"), process.stderr.read().decode()


def check_told(told: str, written: int) -> None:
    """The signal may have come during a write: then the entries before it are told."""
    match = re.fullmatch(r"(At least )?([\d,]+) entries written; more may be missing\.\n", told)
    assert match is not None, told
    number = int(match[2].replace(",", ""))
    assert number <= written if match[1] else number == written


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_the_number_of_entries_written(number: signal.Signals, environ: dict[str, str]) -> None:
    with listing(environ) as (_, process):
        process.send_signal(number)
        more, told = rest_of(process)
        assert process.wait(60) == 128 + number
        check_told(told, 1 + more)


def test_a_signal_ends_it_where_ctrl_c_is_ignored(environ: dict[str, str]) -> None:
    ignoring = (sys.executable, "-I", "-S", "-c", _IGNORE)
    with listing(environ, *ignoring) as (_, process):
        process.send_signal(signal.SIGTERM)
        more, told = rest_of(process)
        assert process.wait(60) == 143
        check_told(told, 1 + more)


_IGNORE = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execvp(sys.argv[1], sys.argv[1:])"


def test_nohup_stays_nohup(environ: dict[str, str]) -> None:
    ignoring = (sys.executable, "-I", "-S", "-c", _IGNORE.replace("SIGINT", "SIGHUP"))
    with listing(environ, *ignoring, entries=2_000) as (_, process):
        process.send_signal(signal.SIGHUP)
        more, told = rest_of(process)
        assert (process.wait(60), told, 1 + more) == (0, "", 2_000)


def test_an_error_tells_the_number_of_entries_written_before_it(environ: dict[str, str]) -> None:
    with listing(environ) as (server, process):
        server.faults.append(Fault(403))
        more, told = rest_of(process)
        assert process.wait(60) == 3
        written, _, error = told.partition("\n")
        assert written == f"{1 + more} entries written; more may be missing."
        assert "(403)" in error


def test_ctrl_c_ends_it_even_where_nobody_reads(program: Runner) -> None:
    with program.start("list", "--format", "jsonl") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        wait_until_full(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        check_told(process.stderr.read().decode(), process.stdout.read().count(b"\n"))


# -- following -----------------------------------------------------------------------------------------------------

OFTEN = "from auditlog_tui.headless import following; following.POLL_S = 0.2"
"""Lets the program poll so often (seconds); a user's waits for 5 s."""


def test_follow_writes_what_comes_outlives_faults_and_ends_by_ctrl_c(grown: Grown, environ: dict[str, str]) -> None:
    runner = Runner(grown.server.url, environ)
    newest = runner.done("list", "--limit", "2", "--format", "ids")[1].splitlines()
    with runner.start("follow", "-n", "2", "--format", "jsonl", patch=OFTEN) as process:
        assert process.stdout is not None
        assert [json.loads(process.stdout.readline())["id"] for _ in newest] == newest[::-1]
        came = grown.grow(150)
        assert [json.loads(process.stdout.readline())["id"] for _ in came] == came
        # The client asks three times, and a test of what the server honours may go on without an answer.
        grown.server.faults += [Fault(503, {"Retry-After": "0"})] * 6
        while grown.server.faults:
            time.sleep(0.05)
        came = grown.grow()
        assert [json.loads(process.stdout.readline())["id"] for _ in came] == came
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (130, b"")
    lost, again, ended = err.decode().splitlines()
    assert "No answer: 127.0.0.1" in lost
    assert re.search(r"Trying again at \d\d:\d\d:\d\d UTC, until one comes", lost)
    assert "Connected again after" in again
    assert ended in ("151 new entries written.", "At least 150 new entries written.")  # it may end in the write


def test_follow_ends_at_its_limit_and_at_its_deadline(grown: Grown, environ: dict[str, str]) -> None:
    runner = Runner(grown.server.url, environ)
    status, written, told = runner.done("follow", "--until", "1s", "-n0", "--format", "csv")
    assert (status, written) == (0, runner.done("list", "status:418", "--format", "csv")[1])
    assert re.fullmatch(r"Following until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\.\n", told)
    grown.server.requests.clear()
    with runner.start("follow", "--limit", "1", "-n0", "--format", "ids", patch=OFTEN) as process:
        while sum(request.target.rpartition("?")[2] == "limit=10" for request in grown.server.requests) < 2:
            time.sleep(0.05)  # until it polls
        came = grown.grow(2)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out.decode().split(), err) == (0, came[:1], b"")


def test_follow_ends_at_a_write_that_nobody_reads(grown: Grown, environ: dict[str, str]) -> None:
    with Runner(grown.server.url, environ).start("follow", "-n", "1", "--format", "ids", patch=OFTEN) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        grown.grow()
        assert process.wait(60) == 141
        assert process.stderr.read() == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_follow_ends_by_a_signal(grown: Grown, environ: dict[str, str], number: signal.Signals) -> None:
    with Runner(grown.server.url, environ).start("follow", "-n", "1", "--format", "ids", patch=OFTEN) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(number)
        assert process.wait(60) == 128 + number


def test_follow_ends_when_its_key_is_revoked(grown: Grown, environ: dict[str, str]) -> None:
    with Runner(grown.server.url, environ).start("follow", "-n", "1", "--format", "ids", patch=OFTEN) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        grown.server.faults += [Fault(401)] * 100
        _, err = process.communicate(timeout=60)
        assert process.returncode == 3
        assert "refused the API key (401)" in err.decode()


@pytest.mark.parametrize(
    "arguments",
    [("sort:status",), ("--until", "yesterday"), ("--until", "soon"), ("--limit", "0"), ("statsu:403",)],
)
def test_follow_refuses_what_was_typed_wrongly(program: Runner, arguments: tuple[str, ...]) -> None:
    status, out, err = program.done("follow", *arguments)
    assert (status, out) == (2, "")
    assert err
    assert "Traceback" not in err


def test_follow_says_that_nothing_matches_yet(program: Runner) -> None:
    status, out, err = program.done("follow", "action:api_key.create", "--until", "1s", "--format", "ids")
    assert (status, out) == (0, "")
    assert err.splitlines()[1:] == ["No entry matches yet.", "Similar: action:api_key.created"]


def test_a_full_disk_is_told(program: Runner) -> None:
    with Path("/dev/full").open("wb") as full, program.start("list", stdout=full) as process:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert err.decode() == "Standard output can't be written: No space left on device.\n"


def test_progress_and_waits_are_seen_on_a_terminal_and_gone_at_the_end(environ: dict[str, str]) -> None:
    with serving(log_of(400), latency_ms=100) as running:
        running.faults.append(Fault(503, {"Retry-After": "1"}))
        main, side = pty.openpty()
        with Runner(running.url, environ).start("list", "--format", "ids", stderr=side) as process:
            os.close(side)
            assert process.stdout is not None
            assert len(process.stdout.read().splitlines()) == 400
            assert process.wait(60) == 0
            seen = everything(main)
    assert "waiting 1 s, then attempt 2 of 3" in seen
    assert "fetched" in seen
    assert "requests" in seen
    assert seen.endswith(" \r")


@pytest.mark.parametrize("arguments", [(), ("sort:created", "method:GET"), ("--limit", "1500")])
def test_several_requests_at_once_write_the_same_bytes(program: Runner, arguments: tuple[str, ...]) -> None:
    status, one, err = program.done("list", "--format", "jsonl", "--parallel", "1", *arguments)
    assert (status, err) == (0, "")
    assert program.done("list", "--format", "jsonl", "--parallel", "8", *arguments) == (0, one, "")
    assert len(one.splitlines()) > 1_000


def test_progress_tells_of_the_requests_at_once(environ: dict[str, str]) -> None:
    with serving(log_of(3_000), latency_ms=200) as running:
        main, side = pty.openpty()
        with Runner(running.url, environ).start("list", "--format", "ids", "--parallel", "3", stderr=side) as process:
            os.close(side)
            assert process.stdout is not None
            assert len(process.stdout.read().splitlines()) == 3_000
            assert process.wait(60) == 0
            seen = everything(main)
    assert re.search(r"fetched · 3 at once, [\d,]+/s", seen)


@pytest.mark.parametrize("generation", [1, 2])
def test_who_shows_its_progress_and_then_writes_everything(generation: int, environ: dict[str, str]) -> None:
    with serving(log_of(2_000), latency_ms=50, generation=generation) as running:
        main, side = pty.openpty()
        command = ("who", cast.CI_DEPLOY.id, "--format", "json")
        with Runner(running.url, environ).start(*command, stderr=side) as process:
            os.close(side)
            assert process.stdout is not None
            report = json.loads(process.stdout.read())
            seen = everything(main)
            assert process.wait(60) == 0, seen
    assert report["exact"]
    assert len(report["lineage"]) == 3
    assert re.search(r"[\d,]+ of [\d,]+ entries fetched", seen)
    assert re.search(r"following [\d,]+ created · [\d,]+ requests", seen) or generation == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_who_without_half_a_report(number: signal.Signals, environ: dict[str, str]) -> None:
    with serving(log_of(2_000), latency_ms=400) as running:
        before = len(running.requests)
        with Runner(running.url, environ).start("who", cast.CI_DEPLOY.id) as process:
            while len(running.requests) < before + 3:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(number)
            assert process.communicate(timeout=60) == (b"", b"")
            assert process.returncode == 128 + number


def everything(main: int) -> str:
    """All output on a terminal whose program has ended."""
    seen = b""
    try:
        while part := os.read(main, 10_000):
            seen += part
    except OSError:  # on Linux, this error means that the other end is closed
        pass
    finally:
        os.close(main)
    return seen.decode()


@pytest.mark.parametrize("command", ["list", "count"])
def test_a_filter_that_can_not_be_read(program: Runner, server: Serving, command: str) -> None:
    status, out, err = program.done(command, "statsu:403", "x")
    assert (status, out) == (2, "")
    assert err.splitlines()[1:3] == ["  statsu:403 x", "  ^^^^^^^^^^"]
    assert not server.requests


@pytest.mark.parametrize(
    "arguments",
    [("list", "--nope"), ("list", "--limit", "0"), ("count", "--format", "csv"), ("get",), ("get", "a", "b"),
     ("get", "a", "--limit", "1"), ("list", "--zone", "mars")],
)  # fmt: skip
def test_what_was_typed_wrongly(program: Runner, server: Serving, arguments: tuple[str, ...]) -> None:
    status, out, err = program.done(*arguments)
    assert (status, out) == (2, "")
    assert err
    assert not server.requests


def test_a_key_that_is_refused(environ: dict[str, str]) -> None:
    with serving(log_of(100), api_key="right") as running:
        runner = Runner(running.url, environ)
        for arguments in (("list",), ("count",), ("get", "x")):
            status, out, err = runner.done(*arguments)
            assert (status, out) == (3, "")
            assert "Traceback" not in err
            assert err


def test_no_command_but_the_screen_needs_textual(program: Runner) -> None:
    code = """
import json, sys
from auditlog_tui.cli import main
for words in json.loads(sys.argv[1]):
    print("status", main(words), {"textual", "auditlog_tui.ui"} & set(sys.modules), flush=True)
"""
    commands = [
        ["list", "--limit", "1"],
        ["count", "-method:GET", "--demo"],
        ["list", "--format", "csv", "--limit", "1"],
        ["who", "198.51.100.23"],
    ]
    command = [sys.executable, "-c", code, json.dumps(commands)]
    found = subprocess.run(command, env=program.environ, capture_output=True, timeout=60, check=True)
    assert found.stderr == b""
    told = found.stdout.decode().splitlines()
    assert [line for line in told if line.startswith("status")] == ["status 0 set()"] * len(commands)
    assert len(told) > 3 * len(commands)


# -- the server's clock --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-2, 2])
def test_times_go_by_the_servers_clock(environ: dict[str, str], hours: int) -> None:
    """Including the first query: the server's time is requested once before it."""
    now = datetime.now(UTC) + timedelta(hours=hours)
    log = demo_log(entries=2_000, until=now)
    log._now = lambda: datetime.now(UTC) + timedelta(hours=hours)
    with serving(log) as running:
        program = Runner(running.url, environ)
        status, out, err = program.done("count", "last:1h")
        wanted = program.done("count", f"created:>={(now - timedelta(hours=1)).isoformat()}")[1]
        assert (status, int(out) > 0) == (0, True)
        assert abs(int(out) - int(wanted)) <= 2  # entries written during the requests
        way = "behind" if hours > 0 else "ahead of"
        assert f"This machine's clock is {abs(hours)} h {way} the server's" in err or "1 h" in err
        asked = len(running.requests)
        program.done("count", "status:>=400")
        absolute = len(running.requests) - asked
        program.done("count", "status:>=400 last:30d")
        relative = len(running.requests) - asked - absolute
        assert relative == absolute + 2  # one request for the time, and one that proves support for created_at_min


def test_a_server_that_tells_no_time_is_said_to(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    reply = Endpoints._reply

    def untimed(endpoints: Endpoints, status: int, body: str) -> Answer:
        answer = reply(endpoints, status, body)
        return Answer(answer.status, {n: v for n, v in answer.headers.items() if n != "Date"}, answer.body)

    monkeypatch.setattr(Endpoints, "_reply", untimed)
    with serving(demo_log(entries=2_000, until=datetime.now(UTC))) as running:
        status, out, err = Runner(running.url, environ).done("count", "last:1h")
        assert (status, int(out) > 0) == (0, True)
        assert "go by this machine's clock" in err
        assert Runner(running.url, environ).done("count", "status:>=400")[2] == ""


@pytest.mark.parametrize(("closed", "status"), [(">&-", 1), ("2>&-", 0)])
def test_a_stream_that_was_closed_before_costs_only_itself(
    program: Runner, tmp_path: Path, closed: str, status: int
) -> None:
    kept = tmp_path / "out"
    out = "" if closed == ">&-" else f">{kept}"
    line = f"exec {shlex.join(PROGRAM)} list action:x --format ids {out} {closed}"
    done = subprocess.run(["sh", "-c", line], env=program.environ, stderr=subprocess.PIPE, timeout=60, check=False)
    assert b"Traceback" not in done.stderr
    assert (done.returncode, kept.read_bytes() if kept.exists() else b"") == (status, b"")


def test_a_filter_that_nothing_matches_is_told_of_on_standard_error(program: Runner) -> None:
    asked = {
        "actor:ci-deploy": "actor: takes the ID; a name is actor.name:ci-deploy",
        "action:api_key.create": "Similar: action:api_key.created",
        "created:2026-11-18T14:00:05 status:418": (
            "The time covers only one second; created:>=2026-11-18T14:00:05Z begins there."
        ),
        "status:418": "",
    }
    for text, reason in asked.items():
        told = ["No entry matches.", *([reason] if reason else [])]
        for command, out in (("count", "0\n"), ("list", "")):
            status, written, err = program.done(command, text, *(["--format", "ids"] if command == "list" else []))
            assert (status, written, err.splitlines()) == (0, out, told)
    assert program.done("count", "action:api_key.created")[1] != "0\n"
    with serving(SqliteSource()) as running:
        assert Runner(running.url, program.environ).done("count") == (0, "0\n", "The log is empty.\n")
