from pathlib import Path

import pytest

from auditlog_tui.errors import ExitStatus
from auditlog_tui.evidence.endings import Lines
from auditlog_tui.evidence.export import Export, Job, Outcome
from auditlog_tui.evidence.statement import Statement
from auditlog_tui.headless.exporting import _end
from auditlog_tui.log.log import Log
from auditlog_tui.store.entries import EntryStore
from tests.unit.fake import FakeApi
from tests.unit.views import query_of


@pytest.mark.parametrize("final", [False, True])
def test_an_incomplete_export_says_what_helps(
    final: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = Job(tmp_path / "a", "jsonl", Lines("jsonl"), "", query_of(""), "https://log.example", profile="")
    statement = Statement("", "", None, None, "", "", None, None, 1, 59, 59, 60, "INCOMPLETE", "the server counts 60")
    outcome = Outcome(statement, None, None, tmp_path / "a.part", final=final)
    assert _end(Export(job, Log(FakeApi([]), EntryStore(), 1)), outcome) is ExitStatus.INCOMPLETE
    told = capsys.readouterr().err
    assert ("The same command tries again" in told) is not final
    assert ("Move it away to begin anew" in told) is final
