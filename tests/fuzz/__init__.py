"""Fuzzers: short in every test run, for longer with `python -m tests.fuzz NAME --minutes 60`.

Each is a module here with `run(seconds, seed) -> str`, which raises `AssertionError` with what reproduces a failure,
and returns a summary of what was tried.
"""
