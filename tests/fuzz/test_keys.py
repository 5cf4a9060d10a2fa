"""A short run of the keys fuzzer; `python -m tests.fuzz keys --minutes 60` runs it for longer."""

from __future__ import annotations

import pytest

from tests.effort import THOROUGH
from tests.fuzz.keys import fails, session, shrunk


@pytest.mark.parametrize("seed", range(4 if THOROUGH else 1))
def test_random_keys_and_faults_do_not_end_the_app(seed: int) -> None:
    assert session(f"test/{seed}") > 100


def test_a_failure_is_found_and_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    from auditlog_tui.ui.browse.appearance import AppearanceController

    def broken(controller: AppearanceController) -> None:
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr(AppearanceController, "action_zone", broken)
    steps = [("log", "few"), ("key", "j"), ("key", "t"), ("key", "k"), ("key", "j")]
    assert "a fault of the program" in repr(fails(steps))
    assert shrunk(steps) == [("log", "few"), ("key", "t")]
