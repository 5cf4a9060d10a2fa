"""Runs of the fake log's entries."""

from auditlog_tui.store.entries import EntryStore, Run
from tests.unit.fake import log_of, read


def added(store: EntryStore, count: int) -> tuple[Run, list[int]]:
    """A run of `count` entries, and their numbers."""
    run = store.new_run()
    numbers = store.add([read(data) for data in log_of(count)])
    store.append(run, numbers)
    return run, numbers


def keys(store: EntryStore, run: Run) -> list[str]:
    return [row.key for row in store.window(run, 0, len(run))]
