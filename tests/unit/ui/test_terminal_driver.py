"""The terminal driver without a terminal."""

import sys

import pytest
from textual import events
from textual.message import Message

if sys.platform == "win32":
    pytest.skip("the driver of Unix terminals", allow_module_level=True)

from textual.drivers.linux_driver import LinuxDriver

from auditlog_tui.ui.patches import terminal_driver
from auditlog_tui.ui.patches.terminal_driver import SafeDriver


@pytest.mark.parametrize(
    ("message", "pauses"), [(events.Key("a", "a"), True), (events.Paste("a"), True), (events.AppFocus(), False)]
)
def test_background_work_pauses_before_the_app_is_told_of_input(
    message: Message, pauses: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr(terminal_driver, "input_arrived", lambda: order.append("paused"))
    monkeypatch.setattr(LinuxDriver, "process_message", lambda *_: order.append("told"))
    SafeDriver.process_message(SafeDriver.__new__(SafeDriver), message)
    assert order == (["paused", "told"] if pauses else ["told"])
