"""A short run of the state machine of verdicts."""

from tests.effort import THOROUGH
from tests.fuzz.verdicts import check


def test_no_verdict_lies_whatever_is_done() -> None:
    check(examples=60 if THOROUGH else 12, steps=25, number=20_270_115)
