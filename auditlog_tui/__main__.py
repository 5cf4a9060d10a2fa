"""`python -m auditlog_tui`, and the console script."""

import sys

from auditlog_tui import runtime

runtime.prepare()

try:
    from auditlog_tui.cli import run
except KeyboardInterrupt:
    from auditlog_tui.errors import ExitStatus

    sys.exit(ExitStatus.INTERRUPTED)

if __name__ == "__main__":
    run()
