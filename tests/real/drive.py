"""Runs the command in $TRY in a terminal like a new user: waits for the log's rows and presses q.

Exits with 0 if the program did. `.ci/run` passes it the README's first command.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROW = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\w+\.\w+"
INSTALLING_S = 600.0


def main() -> int:
    sys.path.insert(0, str(Path(__file__).parents[2]))  # it runs as a file, so the repository is not on the path yet
    from tests.real.pty_terminal import PtyTerminal

    command = os.environ.get("TRY", "").strip()
    if not command:
        print("TRY holds no command: nothing was run")
        return 2
    env = {"LANG": "C.UTF-8", **os.environ, "TERM": "xterm-256color"}
    with PtyTerminal(["bash", "-c", command], env=env) as terminal:
        try:
            terminal.wait_for(ROW, INSTALLING_S)
        except AssertionError as error:
            print(error)
            return 1
        screen = terminal.screen()
        terminal.send("q")
        status = terminal.status()
    if status != 0:
        print(f"{screen}\nit ended with {status}:\n{terminal.screen()}")
        return 1
    print(screen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
