"""`python -m auditlog_tui.demo`: serves the demo's log over HTTP, to this program or any other client of the API."""

from __future__ import annotations

import argparse
import math
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime

from auditlog_tui.demo import ENTRIES, cast, demo_log, live_entries
from auditlog_tui.demo.server import Serving, serving
from auditlog_tui.entries.contract import BASE_URL_VARIABLE, KEY_VARIABLE
from auditlog_tui.offline.sqlite_source import SqliteSource


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m auditlog_tui.demo", description="Serve a made-up audit log that has an incident in it."
    )
    parser.add_argument("--port", type=int, default=8787, help="port on 127.0.0.1, 0 for any (default: 8787)")
    parser.add_argument("--entries", type=int, default=ENTRIES, help="entries in the log (default: 20000)")
    parser.add_argument("--latency", type=float, default=0, metavar="MS", help="delay of each answer in milliseconds")
    parser.add_argument(
        "--rate-limit",
        type=_rate,
        metavar="PER_SECOND",
        help="refuse more requests a second than this, with 429 and Retry-After (default: no limit)",
    )
    parser.add_argument(
        "--generation",
        type=int,
        choices=(1, 2),
        default=2,
        help="API generation; 1 has no filters (default: 2)",
    )
    parser.add_argument("--live", type=float, default=0, metavar="PER_SECOND", help="add this many entries a second")
    parser.add_argument("--api-key", metavar="KEY", help="the only key to accept (default: any)")
    options = parser.parse_args(argv)

    until = datetime.now(UTC)
    stop = threading.Event()
    try:
        log = demo_log(entries=options.entries, until=until)
        with closing(log), _serving(log, options) as server:
            _say(f"Serving {options.entries:,} entries at {server.url} (Ctrl+C ends it). In another terminal:")
            _say(f"  {BASE_URL_VARIABLE}={server.url} {KEY_VARIABLE}={options.api_key or 'any'} auditlog-tui")
            with _growing(log, until, options.live, stop):
                stop.wait()
    except OSError as error:
        parser.error(f"can't listen on port {options.port}: {error.strerror}")
    except KeyboardInterrupt:
        pass
    return 0


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError("it must be above 0")
    return value


def _serving(log: SqliteSource, options: argparse.Namespace) -> AbstractContextManager[Serving]:
    return serving(
        log,
        port=options.port,
        latency_ms=options.latency,
        rate_limit=options.rate_limit,
        generation=options.generation,
        api_key=options.api_key,
    )


@contextmanager
def _growing(log: SqliteSource, until: datetime, per_second: float, stop: threading.Event) -> Iterator[None]:
    """Add entries in a thread while the block runs."""
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


def _live(log: SqliteSource, until: datetime, every_s: float, stop: threading.Event) -> None:
    for entry in live_entries(until=until):
        if stop.wait(every_s):
            return
        log.add([entry._replace(created_us=cast.microseconds(datetime.now(UTC)))])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
