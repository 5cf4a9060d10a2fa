"""Fuzzers: short in every test run, as long as one likes by `python -m tests.fuzz NAME --minutes 60`.

Each is a module here with `run(seconds, seed) -> str`: it raises `AssertionError` with what reproduces a failure, and
returns a line that says how much was tried.
"""
