"""Starting programs as a person's shell would."""

from __future__ import annotations

import signal


def interruptible() -> None:
    """For `preexec_fn`: what is started in the background of a shell inherits that it ignores Ctrl+C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
