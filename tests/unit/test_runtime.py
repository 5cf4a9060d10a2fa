"""Process tuning, each test in a process of its own."""

import os
import subprocess
import sys

import pytest


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
