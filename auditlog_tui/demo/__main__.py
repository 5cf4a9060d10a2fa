"""`python -m auditlog_tui.demo`: the demo's log over HTTP, for this program or any other client of the API."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime

from auditlog_tui.demo import ENTRIES, cast, demo_log, live_entries
from auditlog_tui.demo.server import serving
from auditlog_tui.offline.transport import LocalLog


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m auditlog_tui.demo", description="Serve a made-up audit log with an incident to find in it."
    )
    parser.add_argument("--port", type=int, default=8787, help="port on 127.0.0.1, 0 for any (default: 8787)")
    parser.add_argument("--entries", type=int, default=ENTRIES, help="size of the log (default: 20000)")
    parser.add_argument("--latency", type=float, default=0, metavar="MS", help="milliseconds before each answer")
    parser.add_argument("--generation", type=int, choices=(1, 2), default=2, help="of the API; 1 knows no filters")
    parser.add_argument("--live", type=float, default=0, metavar="PER_SECOND", help="new entries a second")
    parser.add_argument("--api-key", metavar="KEY", help="the key to ask for (default: any will do)")
    options = parser.parse_args(argv)

    until = datetime.now(UTC)
    stop = threading.Event()
    try:
        log = demo_log(entries=options.entries, until=until, generation=options.generation, api_key=options.api_key)
        with closing(log), serving(log, port=options.port, latency_ms=options.latency) as server:
            _say(f"Serving {options.entries:,} entries at {server.url} (Ctrl+C ends it). In another terminal:")
            _say(f"  NIRVANA_LABS_BASE_URL={server.url} NIRVANA_LABS_API_KEY={options.api_key or 'any'} auditlog-tui")
            with _growing(log, until, options.live, stop):
                stop.wait()
    except OSError as error:
        parser.error(f"can't listen on port {options.port}: {error.strerror}")
    except KeyboardInterrupt:
        pass
    return 0


@contextmanager
def _growing(log: LocalLog, until: datetime, per_second: float, stop: threading.Event) -> Iterator[None]:
    """Add so many entries a second while the block runs; the thread that does it is gone after it."""
    if per_second <= 0:
        yield
        return
    thread = threading.Thread(target=_live, args=(log, until, 1 / per_second, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _live(log: LocalLog, until: datetime, every_s: float, stop: threading.Event) -> None:
    for entry in live_entries(until=until):
        if stop.wait(every_s):
            return
        log.add([entry._replace(created_us=cast.microseconds(datetime.now(UTC)))])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
