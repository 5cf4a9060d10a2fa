from datetime import UTC

import pytest

from auditlog_tui.session.navigator import Navigator
from auditlog_tui.store.entries import EntryStore
from tests.unit.fake import FakeApi, log_of
from tests.unit.session.places import ClockLog


@pytest.fixture
def api() -> FakeApi:
    return FakeApi(log_of(250))


@pytest.fixture
def navigator(api: FakeApi) -> Navigator:
    return Navigator(ClockLog(api, EntryStore()), UTC)
