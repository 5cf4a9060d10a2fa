"""The registry of keys: its descriptions agree with what the keys do."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import fields

from auditlog_tui.entries.schema import AuditLog
from auditlog_tui.query import FIELDS, fields_table, parse
from auditlog_tui.query.fields import ANY, field_of, nearest
from auditlog_tui.store.entries import Row
from tests.unit.query.here import planned
from tests.unit.query.server import PARAMETERS

NAMES = sorted(FIELDS)


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_a_key_is_read_and_planned(name: str) -> None:
    (term,) = parse(FIELDS[name].example).terms
    assert term.key == name
    split = planned(FIELDS[name].example)
    assert set(split.params) <= set(FIELDS[name].params)
    assert bool(split.params) == bool(FIELDS[name].params)


def test_the_example_of_words_is_read() -> None:
    assert [term.key for term in parse(ANY.example).terms] == ["", ""]


@pytest.mark.parametrize("name", NAMES)
def test_examples_in_the_help_are_read(name: str) -> None:
    for example in re.findall(r"`([a-z.]+:[^`]+)`", FIELDS[name].here):
        assert parse(example).terms[0].key == name
        assert planned(example).residual is not None or '"' in example


@pytest.mark.parametrize("name", NAMES)
def test_values_to_offer_are_read(name: str) -> None:
    for value in FIELDS[name].values:
        if value not in (">=", "<="):
            assert parse(f"{name}:{value}").terms[0].key == name


def test_the_keys_cover_every_parameter_of_the_api() -> None:
    params = {param for field in FIELDS.values() for param in field.params}
    assert params == {*PARAMETERS, "sort"}


def test_columns_are_those_of_the_store() -> None:
    columns = {column for field in (*FIELDS.values(), ANY) for column in field.columns}
    assert columns <= set(Row._fields)


def test_a_word_is_looked_for_in_every_field_of_an_entry() -> None:
    split = planned("x")
    sql, _ = split.where()
    assert all(f"e.{column}" in sql for column in ANY.columns)
    names = {name for name in AuditLog.model_fields if name not in ("id", "actor", "target")}
    assert names <= set(ANY.columns)


def test_the_table_has_a_line_for_each_key_and_each_rule() -> None:
    table = fields_table()
    lines = table.splitlines()
    assert len(lines) == 2 + len(FIELDS) + 3
    assert {line.count(" | ") for line in lines[2:]} == {3}
    for field in FIELDS.values():
        (line,) = [line for line in lines if line.startswith(f"| `{field.example}` ")]
        assert field.help in line
        assert all(f"`{param}`" in line for param in field.params)


def test_the_table_says_who_evaluates_what_stays_here() -> None:
    for line in fields_table().splitlines()[2:]:
        server, here = line.strip("|").split(" | ")[2:]
        assert server.strip() != "–" or here.strip() != "–"


def test_a_field_is_found_by_its_key_and_words_have_one_too() -> None:
    assert field_of("path") is FIELDS["path"]
    assert field_of("") is ANY


def test_other_names_lead_to_keys_that_exist() -> None:
    for other in ("user", "code", "Status-Code", "actorId", "CLIENT.IP", "stat", "pth"):
        assert nearest(other.lower()) in FIELDS
    assert nearest("qwertz") is None


def test_every_attribute_of_a_field_is_filled_where_it_is_shown() -> None:
    for field in FIELDS.values():
        assert {attribute.name for attribute in fields(field)} >= {"help", "example"}
        assert field.help
        assert not field.help.endswith(".")
