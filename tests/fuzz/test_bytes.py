"""A short run of the bytes fuzzer."""

from tests.effort import THOROUGH
from tests.fuzz import bytes as fuzzer


def test_no_bytes_on_the_terminal_end_the_program() -> None:
    fuzzer.run(8 if THOROUGH else 4, 1)
