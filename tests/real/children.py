"""Starting programs as a user's shell does."""

from __future__ import annotations

import sys

# A shell's background jobs inherit that Ctrl+C is ignored. This small program restores the default and then becomes
# the command; a `preexec_fn` would fork a process with threads, which Python warns of. It also restores the signals
# that Python itself ignores, as `subprocess` would.
INTERRUPTIBLE = (
    sys.executable, "-I", "-S", "-c",
    "import os, signal as s, sys; [s.signal(each, s.SIG_DFL) for each in (s.SIGINT, s.SIGPIPE, s.SIGXFSZ)];"
    " os.execvp(sys.argv[1], sys.argv[1:])",
)  # fmt: skip
"""Prefix for a command that Ctrl+C must be able to end."""
