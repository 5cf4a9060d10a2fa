"""`python -m auditlog_tui`."""

from auditlog_tui.cli import run

run()
