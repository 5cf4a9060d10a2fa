"""`python -m auditlog_tui`, and the console script."""

from auditlog_tui import pace

pace.begin()

from auditlog_tui.cli import run  # noqa: E402 (see `pace.begin`)

if __name__ == "__main__":
    run()
