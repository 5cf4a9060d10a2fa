"""The detail pane shows every field of an entry, the ones added to the schema later too."""

from __future__ import annotations

from datetime import UTC
from unittest.mock import PropertyMock, patch

from msgspec.structs import replace

from auditlog_tui.entries.models import Entry
from auditlog_tui.entries.schema import AuditLog
from auditlog_tui.ui.panes.detail_fields import describe
from tests.unit.fake import entry, read


class Newer(AuditLog):
    """A schema with a field that the pane has no line for."""

    region: str | None = None


def shown(log: AuditLog, **unreadable: str) -> dict[str, str]:
    with patch.object(Entry, "log", PropertyMock(return_value=log)):
        items = describe(replace(read(entry(1)), unreadable=unreadable), None, UTC)
    return {item.name: item.value for item in items if not item.heading}


def test_a_field_of_the_schema_without_a_line_is_among_the_others() -> None:
    log = read(entry(1)).log
    assert shown(Newer(**dict(log), region="us-sea-1"))["region"] == "us-sea-1"
    assert "region" not in shown(Newer(**dict(log)))
    assert shown(Newer(**dict(log)), region="[1]")["region"] == "[1]"


def test_a_field_that_the_schema_does_not_know_is_among_the_others() -> None:
    found = shown(read(entry(1, region=None, actor={"id": "a", "role": "admin"})).log)
    assert found["region"] == "null"
    assert found["actor.role"] == "admin"
    assert "actor" not in found


def test_no_field_is_shown_twice() -> None:
    items = [item.name for item in describe(read(entry(1)), None, UTC) if not item.heading]
    assert len(items) == len(set(items))
    assert "Other fields" not in [item.name for item in describe(read(entry(1)), None, UTC)]
