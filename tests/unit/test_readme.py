"""The README's statements are true."""

from __future__ import annotations

import re
from pathlib import Path

from auditlog_tui.cli import main
from auditlog_tui.entries.contract import KEY_VARIABLE
from auditlog_tui.query.saved_filters import BUILT_IN
from auditlog_tui.settings.connection import HEADERS_VARIABLE
from auditlog_tui.settings.options import OPTIONS
from tests.readme import README, current, keys_table

ROOT = README.parent
TEXT = README.read_text(encoding="utf-8")


def test_its_tables_of_keys_and_filters_are_what_the_program_works_by() -> None:
    assert current(TEXT) == TEXT, "run: python -m tests.readme"


def test_the_table_of_keys_lists_some() -> None:
    assert "| table | `c` | Copy the entry's ID |" in keys_table()


def test_every_flag_and_variable_is_in_it() -> None:
    for option in OPTIONS:
        assert f"`{option.flag}" in TEXT, option.flag
        assert f"`{option.variable}`" in TEXT, option.variable
    assert KEY_VARIABLE in TEXT
    assert HEADERS_VARIABLE in TEXT


def test_every_flag_in_it_is_one_of_the_programs(capsys: object) -> None:
    known = {option.flag for option in OPTIONS} | {"--demo", "--format", "--limit", "--version", "--help"}
    server = {"--port", "--entries", "--latency", "--generation", "--live", "--api-key"}
    others = {"--spec", "--from", "--dist", "--cov", "--cov-report"}  # of pipx, uvx and pytest
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", TEXT)) <= known | server | others


def test_every_picture_it_shows_is_there() -> None:
    shown = re.findall(r"\]\((screenshots/[^)]+)\)", TEXT)
    assert shown
    assert {ROOT / name for name in shown} <= set((ROOT / "screenshots").iterdir())


def test_every_saved_view_is_named() -> None:
    for name in BUILT_IN:
        assert f"`@{name}`" in TEXT


def test_every_file_it_names_is_there() -> None:
    named = re.findall(r"`((?:[a-z_]+/)?[a-z_]+\.py)`", TEXT)
    assert named
    for name in named:
        assert (ROOT / "auditlog_tui" / name).exists() or Path(ROOT / name).exists(), name


def test_the_commands_that_set_it_up_are_marked() -> None:
    for mark in ("try", "test"):
        assert re.search(rf"<!-- {mark} -->\n```bash\npython3 -m venv", TEXT)


def test_its_exit_status_for_what_is_typed_wrongly() -> None:
    assert main(["--demo", "--theme", "no-such-theme"]) == 2
