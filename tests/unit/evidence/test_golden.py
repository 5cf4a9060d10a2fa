"""The hand-over formats of a small log, as reviewed: `golden_files.py` writes them anew."""

import pytest

from auditlog_tui.evidence.formats import WITH_NOTES
from auditlog_tui.settings.command_line import FORMATS
from tests.unit.evidence.golden_files import FILES, GOLDEN, text


@pytest.mark.parametrize("name", FILES)
def test_a_small_log_is_written_as_it_was_reviewed(name: str) -> None:
    assert text(name) == (GOLDEN / FILES[name]).read_text(encoding="utf-8")


def test_every_format_that_takes_notes_is_reviewed_or_csv() -> None:
    assert {*FILES, "csv"} == WITH_NOTES == {*FORMATS} - {"table", "jsonl", "ids"}
