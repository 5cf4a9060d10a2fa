import asyncio
import os
import select
import signal
from typing import Any

import pytest

from auditlog_tui.output import clipboard
from tests.unit.output.desk import Desk

NO_TIME = 0.2  # for programs that never end; its length makes no difference to the tests
HANGS = "cat >/dev/null; while :; do sleep 60; done"


@pytest.fixture
def no_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clipboard, "LIMIT_S", NO_TIME)


@pytest.mark.usefixtures("no_time")
@pytest.mark.parametrize("script", [HANGS, "exec sleep 60", "sleep 60 & wait"])
@pytest.mark.parametrize("size", [1, 100_000, 1_000_000])
async def test_a_tmux_that_hangs_is_passed_over(desk: Desk, script: str, size: int) -> None:
    desk.program("tmux", script)
    assert (await desk.copy("x" * size, TMUX="x,1,0")).route == ("osc52" if size == 1 else "file")


@pytest.mark.parametrize("size", [100_000, 1_000_000])
async def test_a_program_that_left_its_group_does_not_keep_us_waiting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    # It holds the pipe open while some of the text is unread.
    fifo = desk.files / "fifo"
    os.mkfifo(fifo)
    desk.program("tmux", f"exec 8<&0; setsid sh -c 'head -c 1; echo $$ >{fifo}; exec sleep 60' <&8 & exec sleep 60")
    copying = asyncio.create_task(desk.copy("x" * size, TMUX="x,1,0"))
    escaped = int(await asyncio.to_thread(fifo.read_text))
    try:
        copying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(copying, 30)
    finally:
        os.kill(escaped, signal.SIGKILL)


@pytest.mark.usefixtures("no_time")
async def test_all_programs_hanging_leaves_the_terminal(desk: Desk) -> None:
    desk.program("tmux", HANGS)
    desk.program("xclip", HANGS)
    assert (await desk.copy("text", TMUX="x,1,0", DISPLAY=":0")).route == "osc52"


async def test_a_cancelled_copy_leaves_no_program_behind(desk: Desk) -> None:
    fifo = desk.files / "fifo"
    os.mkfifo(fifo)
    # The program and its child both hold it open, so it ends when both have ended.
    desk.program("tmux", f"exec 9>{fifo}; sleep 60 & echo started >&9; wait")
    copying = asyncio.create_task(desk.copy("text", TMUX="x,1,0"))
    reader = await asyncio.to_thread(os.open, fifo, os.O_RDONLY)
    try:
        assert await asyncio.to_thread(os.read, reader, 100) == b"started\n"
        copying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await copying
        assert await asyncio.to_thread(select.select, [reader], [], [], 30) == ([reader], [], [])
        assert os.read(reader, 100) == b""
    finally:
        os.close(reader)
    assert desk.sent == []


@pytest.mark.parametrize("starts", [True, False])
async def test_a_copy_cancelled_while_its_program_starts_leaves_none_behind(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, starts: bool
) -> None:
    processes: list[asyncio.subprocess.Process] = []
    begun, release = asyncio.Event(), asyncio.Event()
    start = asyncio.create_subprocess_exec

    async def start_slowly(*command: str, **options: Any) -> asyncio.subprocess.Process:
        begun.set()
        await release.wait()
        processes.append(await start(*command, **options))
        return processes[0]

    if starts:
        desk.program("tmux", "exec /bin/sleep 60")
    monkeypatch.setattr(asyncio, "create_subprocess_exec", start_slowly)
    copying = asyncio.create_task(desk.copy("text", TMUX="x,1,0", PATH=str(desk.programs)))
    await begun.wait()
    copying.cancel()
    asyncio.get_running_loop().call_soon(release.set)
    with pytest.raises(asyncio.CancelledError):
        await copying
    assert [process.returncode for process in processes] == ([-signal.SIGKILL] if starts else [])
    assert desk.sent == []


@pytest.mark.usefixtures("no_time")
async def test_a_clipboard_that_hangs_is_passed_over(desk: Desk) -> None:
    desk.program("xclip", HANGS)
    assert (await desk.copy("text", DISPLAY=":0")).route == "osc52"
