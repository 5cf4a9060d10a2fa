"""Process tuning, the collector and the frame rate each in a process of its own."""

import ast
import asyncio
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

import auditlog_tui
from auditlog_tui import runtime


def printed(code: str, **env: str) -> str:
    """The output of a Python process that runs the code."""
    environment = {name: value for name, value in os.environ.items() if name != "TEXTUAL_FPS"}
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, env=environment | env
    )
    return found.stdout.strip()


START = "import gc, auditlog_tui.__main__;"


def test_the_screen_runs_without_the_collector_and_at_more_frames() -> None:
    code = f"{START} from textual import constants; print(gc.isenabled(), constants.MAX_FPS)"
    assert printed(code) == "False 240"


INTERRUPTED = """
import sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == sys.argv[1]: raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
import auditlog_tui.__main__
"""


@pytest.mark.parametrize("module", ["auditlog_tui.runtime", "auditlog_tui.cli", "argparse"])
def test_ctrl_c_while_it_is_imported_ends_it_without_a_traceback(module: str) -> None:
    ended = subprocess.run([sys.executable, "-c", INTERRUPTED, module], capture_output=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"")


def test_a_frame_rate_of_the_users_own_is_kept() -> None:
    assert printed(f"{START} from textual import constants; print(constants.MAX_FPS)", TEXTUAL_FPS="30") == "30"


def test_commands_without_a_screen_run_with_the_collector() -> None:
    code = f"{START} from auditlog_tui.cli import main; main(['count', '--demo']); print(gc.isenabled())"
    assert printed(code).split()[-1] == "True"


CYCLES = """
import gc
from auditlog_tui import runtime
class Node: pass
def leave(count):
    for _ in range(count):
        node = Node(); node.self = node
BEGIN
runtime.freeze_startup_objects()
leave(10 * runtime.YOUNG_LIMIT)
runtime.collect_garbage(idle=IDLE)
print(sum(isinstance(each, Node) for each in gc.get_objects()))
"""


@pytest.mark.parametrize("idle", ["True", "False"])
def test_what_gathered_is_collected(idle: str) -> None:
    assert printed(CYCLES.replace("BEGIN", "runtime.prepare()").replace("IDLE", idle)) == "0"


def test_where_the_collector_works_by_itself_it_is_left_alone() -> None:
    code = CYCLES.replace("BEGIN", "gc.set_threshold(1_000_000)").replace("IDLE", "True")
    assert printed(code) != "0"


LEFT_LATER = """
import gc
from auditlog_tui import runtime
class Node: pass
runtime.prepare()
runtime.freeze_startup_objects()
kept, most = [], 0
for second in range(15 * runtime.COLLECTIONS_PER_OLDER):
    for _ in range(100):
        node = Node(); node.self = node; kept.append(node)
    del kept[:-300]  # dropped once it is no longer young
    junk = None
    junk = [[] for _ in range(runtime.YOUNG_LIMIT + 1_000)]
    del node
    runtime.collect_garbage(idle=False, pressed=PRESSED)
    if not second % runtime.COLLECTIONS_PER_OLDER:
        most = max(most, sum(isinstance(each, Node) for each in gc.get_objects()))
print(most)
"""


def test_what_is_left_by_one_who_is_never_idle_is_bounded() -> None:
    assert int(printed(LEFT_LATER.replace("PRESSED", "False"))) < 7_000


def test_a_key_that_was_just_pressed_does_not_wait_for_old_objects() -> None:
    assert int(printed(LEFT_LATER.replace("PRESSED", "True"))) > 12_000


async def test_background_work_pauses_after_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    now = [100.0]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    await runtime.give_way()
    assert slept == [0]
    runtime.input_arrived()
    assert runtime.pause_left() == pytest.approx(runtime.LONGEST_S)
    now[0] += runtime.LONGEST_S / 2
    await runtime.give_way()
    assert slept == [0, 0, pytest.approx(runtime.LONGEST_S / 2), *[0] * runtime.TURNS]
    now[0] += 2 * runtime.BUSY_S
    slept.clear()
    await runtime.give_way()
    assert slept == [0]


async def test_background_work_waits_for_a_key_that_comes_between_its_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [100.0], list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds
        if seconds == 0:  # in each turn
            runtime.input_arrived()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    runtime.input_arrived()
    now[0] += runtime.LONGEST_S
    await runtime.pause()
    assert slept == [*[0] * runtime.TURNS, pytest.approx(runtime.LONGEST_S)]


def test_background_work_goes_on_once_a_key_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    runtime.input_arrived()
    runtime.input_handled()
    assert runtime.pause_left() == pytest.approx(runtime.FRAME_S)
    now[0] += 2 * runtime.FRAME_S
    assert runtime.pause_left() <= 0


async def test_slices_take_turns_while_a_key_may_not_be_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "perf_counter", lambda: 100.0)
    runtime.input_arrived()
    monkeypatch.setattr(time, "perf_counter", lambda: 100.0 + runtime.LONGEST_S + runtime.BUSY_S / 2)
    turns: list[int] = []
    turn = 0

    async def work() -> None:
        await runtime.give_way()
        turns.append(turn)

    async with asyncio.TaskGroup() as tasks:
        working = [tasks.create_task(work()) for _ in range(4)]
        while not all(each.done() for each in working):
            await asyncio.sleep(0)
            turn += 1
    assert all(later - earlier >= runtime.TURNS for earlier, later in pairwise(turns))


async def test_steady_input_does_not_stop_background_work() -> None:
    slices = 0

    async def work() -> None:
        nonlocal slices
        for _ in range(5):
            await runtime.give_way()
            slices += 1

    working = asyncio.create_task(work())
    async with asyncio.timeout(60):
        while not working.done():
            runtime.input_arrived()
            await asyncio.sleep(0)
    assert slices == 5


def test_all_background_work_gives_way_to_keys() -> None:
    program = Path(auditlog_tui.__file__).parent
    bare = {
        path.relative_to(program).as_posix()
        for path in program.rglob("*.py")
        if "sleep" in (text := path.read_text(encoding="utf-8"))
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call) and ast.unparse(call).endswith("sleep(0)")
    }
    assert bare == {"runtime.py", "ui/patches/key_order.py"}
