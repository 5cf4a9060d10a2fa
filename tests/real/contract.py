"""schemathesis walks the demo's server by the API's contract (a copy of the vendor's, without its server)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CheckFunction
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import Serving, serving

KEY = "contract-key"

# The API ignores parameters that it doesn't know, so none are made up to be refused.
config = SchemathesisConfig.from_dict({"generation": {"allow-extra-parameters": False}})
schema = schemathesis.openapi.from_path(Path(__file__).with_name("contract.yaml"), config=config)


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving(demo_log(entries=500, until=datetime(2026, 8, 20, tzinfo=UTC)), api_key=KEY) as running:
        yield running


@schema.parametrize()
@settings(max_examples=100, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_the_contract_says(case: schemathesis.Case[Any], server: Serving) -> None:
    # Any text is a cursor by its schema, but only the server's own are good: made-up ones may be refused.
    excluded: list[CheckFunction] = [positive_data_acceptance] if "cursor" in case.query else []
    key = {"Authorization": f"Bearer {KEY}"}
    case.call_and_validate(base_url=server.url, headers=key, excluded_checks=excluded)
