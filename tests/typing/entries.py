"""Entries are read leniently and never change; every field may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import assert_type

from auditlog_tui.entries.models import Entry, Page, read_entry, read_page
from auditlog_tui.entries.schema import AuditLog
from auditlog_tui.text.times import instant_us, rfc3339


def what_was_read(text: str) -> None:
    assert_type(read_page(text), Page)
    assert_type(read_page(text).entries, tuple[Entry, ...])
    assert_type(read_page(text).total_count, int | None)
    assert_type(read_page(text).served_at, datetime | None)
    assert_type(read_entry(text), Entry)


def an_entry(entry: Entry) -> None:
    assert_type(entry.key, str)
    assert_type(entry.raw, str)
    assert_type(entry.log, AuditLog)
    assert_type(entry.unreadable, Mapping[str, str])
    assert_type(entry.created_us, int | None)
    assert_type(entry.actor.id, str | None)
    assert_type(entry.target.type, str | None)
    assert_type(entry.log.status_code, int | None)
    assert_type(entry.fields.status_code, int | None)


def fields_may_be_missing(entry: Entry) -> bool:
    entry.log.action.startswith("vm.")  # type: ignore[union-attr]  # absent, null or unreadable
    return entry.created_us < 0  # type: ignore[operator]  # its time can't be read


def evidence_stays_as_it_came(entry: Entry, page: Page) -> None:
    entry.raw = "{}"  # type: ignore[misc]
    entry.unreadable["id"] = "1"  # type: ignore[index]
    page.entries += (entry,)  # type: ignore[misc]


def instants_are_whole_microseconds(moment: datetime) -> None:
    assert_type(instant_us("2026-01-01T00:00:00Z"), int | None)
    assert_type(rfc3339(1_750_000_000_000_000), str)
    rfc3339(moment.timestamp())  # type: ignore[arg-type]  # seconds, and inexact
    rfc3339(instant_us("today"))  # type: ignore[arg-type]  # may be no timestamp
