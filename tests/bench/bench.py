"""The resources of all measurements: servers, programs and files, released at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench.figures import Figure
from tests.bench.server import write_jsonl
from tests.bench.terminal import Terminal, as_installed, environment

APP = [sys.executable, "-m", "auditlog_tui"]


class Server:
    """A server that runs until the bench ends: `url` of the API's second generation, `old` of its first."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.old, self.url = self._answer()

    def requests(self) -> int:
        """How many requests it has received, those that it refused included."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._answer())

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


class Bench:
    """`entries` is the size of a large log, `rounds` how often each key is pressed. Use as a context manager."""

    def __init__(self, entries: int, rounds: int) -> None:
        self.entries = entries
        self.rounds = rounds
        self.figures: list[Figure] = []
        self.notes: list[str] = []
        self.loaded: dict[int, Terminal] = {}
        self._stack = ExitStack()
        self._servers: dict[tuple[int, float, float | None], Server] = {}
        self._logs: dict[int, Path] = {}

    def __enter__(self) -> Bench:
        self.home = Path(self._stack.enter_context(TemporaryDirectory(prefix="auditlog-bench-")))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(sorted({1_000, max(1_000, self.entries // 10), self.entries}))

    def say(self, text: str) -> None:
        """Report progress."""
        load = os.getloadavg()[0]
        sys.stderr.write(f"[{time.strftime('%H:%M:%S')} load {load:.1f}] {text}\n")
        sys.stderr.flush()

    def add(self, *figures: Figure) -> None:
        for figure in figures:
            self.say(f"{figure.what}: {figure.ours} | {figure.beside} | {figure.ratio} {figure.goal}")
            self.figures.append(figure)

    # -- servers and files -------------------------------------------------------------------------------------

    def server(self, entries: int, latency_ms: float = 0, rate_limit: float | None = None) -> Server:
        """A server of a log of this many entries; started once."""
        key = entries, latency_ms, rate_limit
        if key not in self._servers:
            self.say(f"starting a server of {entries:,} entries, {latency_ms} ms, {rate_limit or 'any'} a second")
            command = [sys.executable, "-m", "tests.bench.server", f"--entries={entries}", f"--latency={latency_ms}"]
            if rate_limit is not None:
                command.append(f"--rate-limit={rate_limit}")
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(self.home), text=True
            )
            self._stack.callback(process.wait)
            self._stack.callback(process.terminate)
            self._servers[key] = Server(process)
        return self._servers[key]

    def urls(self, entries: int) -> tuple[str, str]:
        """A log of this many entries, served as the API's first and second generation."""
        server = self.server(entries)
        return server.old, server.url

    def log(self, entries: int) -> Path:
        """The same log as a file."""
        if entries not in self._logs:
            self.say(f"writing {entries:,} entries to a file")
            self._logs[entries] = self.home / f"{entries}.jsonl"
            write_jsonl(self._logs[entries], entries)
        return self._logs[entries]

    # -- programs ----------------------------------------------------------------------------------------------

    def env(self, url: str = "", **more: str) -> dict[str, str]:
        own = {"NIRVANA_LABS_BASE_URL": url, "NIRVANA_LABS_API_KEY": "any"} if url else {}
        return environment(self.home, **own, **more, PYTHONPATH=as_installed(self.home))

    def env_of_peers(self) -> dict[str, str]:
        return environment(self.home)

    def start(self, command: list[str], url: str = "") -> Terminal:
        """Start a program that runs until the bench ends."""
        return self._stack.enter_context(Terminal(command, self.env(url)))

    def ours(self, entries: int) -> Terminal:
        """Our browser on a log of this many entries, with only its initial rows loaded."""
        found = self.start(APP, self.urls(entries)[1])
        found.wait_for(rb"[\d,]+ of [\d,]+ loaded|COMPLETE")
        found.settle(0.3)
        return found

    def all_of(self, entries: int) -> Terminal:
        """Our browser with everything loaded (key `A`); created once."""
        if entries not in self.loaded:
            self.say(f"loading {entries:,}")
            found = self.loaded[entries] = self.ours(entries)
            found.type("A")
            found.wait_for(b"COMPLETE")
            found.settle(0.3)
        return self.loaded[entries]
