"""Starting programs as a person's shell would."""

from __future__ import annotations

import sys

# What is started in the background of a shell, or by nohup, inherits that it ignores signals. A program that becomes
# the other one can put that right; a function for `preexec_fn` would fork a process with threads, which Python warns
# of. It puts right as well what `subprocess` does of what Python itself ignores.
INTERRUPTIBLE = (
    sys.executable, "-I", "-S", "-c",
    "import os, signal as s, sys;"
    " [s.signal(each, s.SIG_DFL) for each in (s.SIGINT, s.SIGQUIT, s.SIGHUP, s.SIGPIPE, s.SIGXFSZ)];"
    " os.execvp(sys.argv[1], sys.argv[1:])",
)  # fmt: skip
"""What to put before a command that Ctrl+C is to end."""
