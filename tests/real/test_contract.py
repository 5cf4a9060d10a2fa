"""schemathesis walks the demo's server by the API's contract (a copy of the vendor's, without its server)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import Serving, serving

KEY = "contract-key"

schema = schemathesis.openapi.from_path(Path(__file__).with_name("contract.yaml"))


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving(demo_log(entries=500, until=datetime(2026, 8, 20, tzinfo=UTC), api_key=KEY)) as running:
        yield running


@schema.parametrize()
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_the_contract_says(case: schemathesis.Case, server: Serving) -> None:
    case.call_and_validate(base_url=server.url, headers={"Authorization": f"Bearer {KEY}"})
