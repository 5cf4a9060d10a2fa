"""`python -m auditlog_tui`, and the console script."""

import sys

from auditlog_tui import runtime

runtime.prepare()

try:
    from auditlog_tui.cli import run
except KeyboardInterrupt:  # Ctrl+C while it loads
    sys.exit(130)

if __name__ == "__main__":
    run()
