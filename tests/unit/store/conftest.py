import pytest

from auditlog_tui.store.entries import EntryStore


@pytest.fixture
def store() -> EntryStore:
    return EntryStore()
