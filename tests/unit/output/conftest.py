import sys
from pathlib import Path

import pytest

from auditlog_tui.output import clipboard
from tests.unit.output.desk import Desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(clipboard, "LIMIT_S", 60.0)
    monkeypatch.setattr(sys, "platform", "linux")
    return Desk(tmp_path)
