"""What the README says is true: its tables, keys, commands, filters and files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from textual.theme import BUILTIN_THEMES

from auditlog_tui import __version__
from auditlog_tui.analysis.locations import INSTALL
from auditlog_tui.archive.dataset import MANIFEST as MANIFEST_NAME
from auditlog_tui.archive.engine import INSTALL as ARCHIVE_INSTALL
from auditlog_tui.archive.rows import COLUMNS as ARCHIVE_COLUMNS
from auditlog_tui.cli import main
from auditlog_tui.demo import ENTRIES, demo_log
from auditlog_tui.entries.contract import KEY_VARIABLE
from auditlog_tui.errors import QueryError
from auditlog_tui.evidence.bundle import MANIFEST, NAMES
from auditlog_tui.query import FIELDS, freeze, parse, plan
from auditlog_tui.query.saved_filters import BUILT_IN, expand
from auditlog_tui.session.filter_history import history_path
from auditlog_tui.session.marks import marks_path
from auditlog_tui.settings.command_line import CASE, COMMANDS, FORMATS, OTHERS, split
from auditlog_tui.settings.connection import HEADERS_VARIABLE
from auditlog_tui.settings.file import config_path
from auditlog_tui.settings.options import OPTIONS
from auditlog_tui.store.case import Owner, open_case
from auditlog_tui.ui.keys import by_place
from auditlog_tui.ui.table.columns import COLUMNS
from tests.app import test_incident as incident
from tests.readme import PACKAGE, README, ROOT, TABLES, TWELVE, current, keys_table, rooms_table, twelve_table
from tests.unit.evidence.bundles import members
from tests.unit.evidence.saved import line

TEXT = README.read_text(encoding="utf-8")
NOW_US = int(datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()) * 1_000_000
KEY_NAMES = {"⏎": "enter", "↓": "down"}


def section(title: str) -> str:
    """The text below a heading, up to the next one of its level."""
    (found,) = re.findall(rf"(?ms)^## {re.escape(title)}\n(.*?)(?=^## |\Z)", TEXT)
    return str(found)


def folded(text: str) -> str:
    return "\n".join(re.findall(r"(?s)<details>.*?</details>", text))


def unfolded(text: str) -> str:
    return re.sub(r"(?s)<details>.*?</details>|<!--.*?-->", "", text)


def rows(text: str) -> list[list[str]]:
    """The cells of the tables in a text, without their headers."""
    lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    rules = [number for number, line in enumerate(text.splitlines()) if line.startswith("|---")]
    headers = {text.splitlines()[number - 1] for number in rules}
    return [
        cells
        for cells, line in zip(lines, (line for line in text.splitlines() if line[:1] == "|"), strict=True)
        if line not in headers and not line.startswith("|---")
    ]


def code(text: str) -> list[str]:
    """The code spans of a text, without its code blocks, comments and generated tables."""
    prose = re.sub(r"(?ms)<!-- (\w+): generated.*?<!-- \1: end -->|^```.*?^```$|<!--.*?-->|^    .*?$", "", text)
    return re.findall(r"(?s)`([^`]+)`", prose)


def commands() -> list[list[str]]:
    """The words of every command line in the code blocks; a comment is none."""
    blocks = re.findall(r"(?ms)^```bash\n(.*?)^```$", TEXT)
    lines = [part for block in blocks for line in block.splitlines() for part in line.split(" && ")]
    return [shlex.split(line, comments=True) for line in lines]


# -- the whole -----------------------------------------------------------------------------------------------------


def test_it_has_at_most_1500_words_outside_folded_parts() -> None:
    words = [word for word in unfolded(TEXT).split() if re.search(r"\w", word)]
    assert len(words) <= 1_500


def test_its_sections_are_in_the_order_of_a_readers_questions() -> None:
    assert re.findall(r"(?m)^## (.+)$", TEXT) == [
        "Install", "The question", "The incident, in 29 keys", "Use it for real", "The twelve keys that matter",
        "Filters by example", "Hand over evidence", "Why not …", "Scripts", "At 80 columns, over SSH, in tmux",
        "What leaves your machine, and what is kept where", "Changes", "Contributing", "Licence",
    ]  # fmt: skip


def test_its_generated_tables_are_up_to_date() -> None:
    assert current(TEXT) == TEXT, "run: python -m tests.readme"


def test_the_full_tables_are_folded() -> None:
    for name in set(TABLES) - {"twelve"}:
        assert f"<!-- {name}: generated -->" in folded(TEXT)
    assert TEXT.count("<details>") == TEXT.count("</details>")


def test_a_missing_place_for_a_table_is_an_error() -> None:
    with pytest.raises(ValueError, match="keys"):
        current(TEXT.replace("<!-- keys: end -->", ""))


def test_every_picture_and_file_that_it_links_is_there() -> None:
    linked = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert any(name.endswith(".svg") for name in linked)
    for name in linked:
        assert (ROOT / name).is_file(), name


# -- keys and filters ----------------------------------------------------------------------------------------------


def test_the_table_of_keys_lists_some() -> None:
    assert "| table | `c` | Copy the entry's ID |" in keys_table()


def test_twelve_keys_are_twelve() -> None:
    assert len(TWELVE) == len(rows(twelve_table())) == 12


def test_the_keys_of_the_incident_are_those_that_solve_it() -> None:
    typed = [each for cells in rows(section("The incident, in 29 keys")) for each in code(cells[0])]
    keys = [key for each in typed for key in ([KEY_NAMES[each]] if each in KEY_NAMES else list(each))]
    again = (*incident.ALL_OF_IT, *incident.EVIDENCE)
    assert keys == [*incident.REFUSED, *again, *incident.BACK, *again, *incident.REVOKE]
    assert len(keys) == 29


def test_the_demo_is_as_it_says(capfd: pytest.CaptureFixture[str]) -> None:
    assert f"a made-up log of {ENTRIES:,} entries" in section("The question")
    assert main(["count", "status:401", "--demo"]) == 0
    assert capfd.readouterr().out == "9\n"
    assert "bad key: nine entries" in section("The incident, in 29 keys")


def test_every_example_of_a_filter_is_read_and_planned() -> None:
    examples = [code(cells[0])[0] for cells in rows(unfolded(section("Filters by example")))]
    assert len(examples) >= 6
    for example in examples:
        assert planned(example), example


def test_every_saved_filter_is_named() -> None:
    for name in BUILT_IN:
        assert f"`@{name}`" in TEXT


def planned(text: str) -> bool:
    """Whether a text is a filter with at least one known key or saved name, and can be planned."""
    try:
        query = parse(expand(text, {}))
        plan(freeze(query, NOW_US, UTC))
    except QueryError:
        return False
    return any(term.key for term in query.terms)


# -- commands, flags, files ----------------------------------------------------------------------------------------


def test_every_flag_and_variable_is_in_it() -> None:
    for option in OPTIONS:
        assert f"`{option.flag}" in TEXT, option.flag
        assert f"`{option.variable}`" in TEXT, option.variable
    assert KEY_VARIABLE in TEXT
    assert HEADERS_VARIABLE in TEXT


def test_every_command_of_ours_in_it_is_read(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    began = datetime.now(UTC)  # so that the bundle's entries are there when it is re-checked
    monkeypatch.setattr("auditlog_tui.demo.demo_log", lambda **how: demo_log(entries=300, until=began))
    monkeypatch.setattr("auditlog_tui.cli.config_path", lambda: tmp_path / "config.toml")
    monkeypatch.chdir(tmp_path)
    line_file = str(tmp_path / "log.jsonl")
    Path(line_file).write_text(line(1))
    ours = [words[1:] for words in commands() if words and words[0].rpartition("/")[2] == "auditlog-tui"]
    assert len(ours) >= 8
    for words in ours:
        first = next((word for word in words if not word.startswith("-")), "")
        if first == "verify":
            manifest = sha256(members((tmp_path / "incident.zip").read_bytes())[MANIFEST]).hexdigest()
            assert main([manifest if word == "SHA256" else word for word in words]) == 0
        elif first == "log":
            open_case(tmp_path / "incident.db", Owner("https://api.nirvanalabs.io")).close()
            assert main(words) == 0
        elif first in COMMANDS and "--" not in words:
            small = {"list": ["--limit", "1"], "follow": ["--until", "1s"]}.get(first, [])
            saved = [line_file if words[n - 1] == "--from" else word for n, word in enumerate(words)]
            done = main([*saved, *([] if "--from" in words else ["--demo"]), *small])
            expected = {"get": 3, "who": 1}.get(first, 2 if "--marked" in words else 0)  # the demo has no marks
            assert done == expected, (words, capfd.readouterr().err)
            if "--marked" in words:
                unmarked = [word for word in words if word not in ("--marked", "--with-context", "5m")]
                assert main([*unmarked, "--demo"]) == 0
        else:
            typed, flags = split(words, {CASE, *(option.flag for option in OPTIONS)})
            assert {flag.partition("=")[0] for flag in flags} <= {
                *(option.flag for option in OPTIONS),
                CASE,
                "--demo",
            }
            parse(expand(" ".join(typed), {}))


def test_every_other_command_in_it_is_a_program_that_it_names() -> None:
    others = {words[0].rpartition("/")[2] for words in commands() if words} - {"auditlog-tui"}
    elsewhere = {"unzip", "ssh-keygen", "openssl", "aws"}
    assert others - elsewhere <= {"python3", "pip", "python", "pipx", "uv", "export", "NIRVANA_LABS_API_KEY=any"}


def test_every_module_that_it_runs_is_there() -> None:
    named = re.findall(r"python -m ((?:tests|auditlog_tui)[.\w]*)", TEXT)
    assert len(set(named)) >= 6
    for name in named:
        file = ROOT / name.replace(".", "/")
        assert (file / "__main__.py").is_file() or file.with_suffix(".py").is_file(), name


def test_the_commands_that_set_it_up_are_marked() -> None:
    for mark in ("try", "test"):
        assert re.search(rf"<!-- {mark} -->\n```bash\npython3 -m venv", TEXT)


def test_every_theme_in_it_is_one_of_the_apps() -> None:
    named = re.findall(r"\b(?:textual|ansi)-[a-z]+\b", TEXT)
    assert named
    assert set(named) <= set(BUILTIN_THEMES)


def test_its_exit_status_for_what_is_typed_wrongly() -> None:
    assert main(["--demo", "--theme", "no-such-theme"]) == 2


def test_the_files_that_it_names_are_those_that_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/u")
    monkeypatch.setattr("sys.platform", "linux")
    named = {
        cells[0].strip("`").replace("~", "/home/u")
        for cells in rows(section("What leaves your machine, and what is kept where"))
    }
    marks = re.sub(r"marks-.*\.", "marks-….", str(marks_path("https://api.nirvanalabs.io")))
    assert {str(config_path()), str(history_path()), marks} <= named


def test_the_version_of_its_changes_is_the_programs() -> None:
    assert re.findall(r"\bversion (\d[\d.]*\d)", section("Changes"), re.IGNORECASE) == [__version__]
    days = re.findall(r"(?m)^\*\*(.+)\*\*$", section("Changes"))
    assert days == sorted(days, reverse=True)
    assert all(datetime.fromisoformat(day) for day in days)


# -- recipes and rooms ---------------------------------------------------------------------------------------------


def test_each_recipe_names_at_most_four_files_and_they_are_there() -> None:
    recipes = rows(section("Contributing").partition("<details>")[0])
    assert [cells[0] for cells in recipes] == [
        "a column", "a filter field", "an output format", "a fault test of the network",
        "a fault test of the API's answers", "a fault test of the disk",
    ]  # fmt: skip
    for what, files in recipes:
        assert 1 <= len(code(files)) <= 4, what
        for name in code(files):
            assert (ROOT / name).is_file(), name


def test_every_room_is_in_the_table_with_what_is_in_it() -> None:
    told = {cells[0].strip("`/"): cells[1] for cells in rows(rooms_table())}
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert there - {"__init__"} <= {name.removesuffix(".py") for name in told}
    assert all(told.values())


def test_the_columns_of_an_archive_are_named() -> None:
    text = folded(TEXT)
    told = text[text.index("The columns are `id`") :].partition("\n\n")[0]
    assert [span for span in code(told) if span in ARCHIVE_COLUMNS] == [*ARCHIVE_COLUMNS, "raw"]


def test_it_names_the_files_beside_a_running_case(tmp_path: Path) -> None:
    path = tmp_path / "incident.db"
    with closing(open_case(path, Owner("https://api.example"))):
        beside = {each.name for each in tmp_path.iterdir()} - {path.name}
    assert beside
    assert beside <= set(code(TEXT))


# -- every code span -----------------------------------------------------------------------------------------------

SPELLED = {
    "read", "audit_log", "project_ids", "config.toml", "tmux load-buffer", "NO_COLOR", "≤ 9", "≢", "fail_under",
    "key:value", "-key:value", "key:>=value", "not key:…", "Name: value", "M", "NAME", "THOROUGH=1", ".ci/run",
    "I", "a", "d", "geo", "open", "open DIR", "--from", "--from DIR", "--case", "≥ 9", "11/12/2026", "$TMPDIR",
    "$TMPDIR/auditlog-copy-….txt",
    "WRITE_ERRORS=1 WRITE_HABITS=1 python -m pytest tests/unit/query", "pipx install pre-commit",
    "archive", "day", "day=2026-11-20/part-000017.parquet", "day=unknown/", "_…", "_*", "decode(raw)",
    "audit.service", "audit.timer", "log", "first_seen", "day=unknown",
    "pre-commit install", "key_command", 'profile = "prod"', "--profile ''", "sh -c '…'", "history-NAME",
    "a.incomplete.csv", "compinit", 'eval "$(auditlog-tui completion bash)"', 'eval "$(auditlog-tui completion zsh)"',
    "log --digest SHA256", "incident.db-wal", "incident.db-shm", "incident.db.lock", "read-only",
    ".venv/bin/coverage report -m", "lint-imports", "created:yesterday 14:00 .. 15:30", "yesterday 14:00",
}  # fmt: skip
"""Words of other programs, placeholders, and what the tests above check by itself."""

FOREIGN = {
    "=", "==", "!=", "<>", ">=", "<", "NOT", "!", "AND", "&&", "+", "OR", "[400 TO 499]", "in (…)", "like", "eq",
    "where", "user:", "src_ip:", "eventName:", "since:", "from:", "after:", "until:", "to:", "before:", "UTC",
    '"a=b"', '"not found"', '"list"', ">",
}  # fmt: skip
"""Pieces of the filter language and of others; tests/unit/query/test_habits.py checks what they do."""


def known() -> Iterator[str]:
    """Every code span that the program explains."""
    for _, keys in by_place():
        for key in keys:
            yield from (key.shown, *key.shown.split())
    for option in OPTIONS:
        yield from (option.flag, option.variable, option.name)
        yield from (f"{option.flag} {value}" for value in (*option.choices, option.metavar, *BUILTIN_THEMES))
        yield f"{option.flag} " + r"\|".join(option.choices)
    yield from (
        KEY_VARIABLE,
        HEADERS_VARIABLE,
        INSTALL,
        ARCHIVE_INSTALL,
        MANIFEST_NAME,
        *ARCHIVE_COLUMNS,
        *("--since", "--until", "--verify", "--compact", "--quiet"),
        "--demo",
        "--marked",
        "--format",
        "--limit",
        *COMMANDS,
        *OTHERS,
        *FORMATS,
    )
    yield from (*NAMES, "allowed_signers")
    yield from (f"{name}:" for name in FIELDS)
    yield from (param for field in FIELDS.values() for param in field.params)
    yield from (column.field for column in COLUMNS)
    yield from BUILTIN_THEMES
    yield from (path.stem for path in (ROOT / "tests/fuzz").glob("*.py"))
    yield from SPELLED | FOREIGN


def explained(span: str) -> bool:
    """Whether a code span is a path, one of the program's commands, or a filter."""
    if span.startswith("~/") or (ROOT / span).exists() or (PACKAGE / span).exists():
        return True
    if span.startswith(
        (
            "auditlog-tui",
            ".venv/bin/auditlog-tui",
            "python -m ",
            "@",
            "--live",
            "--rate-limit",
            "--api-key",
            "--generation",
        )
    ):
        return True
    return planned(span) or span == "*"


def test_every_code_span_is_known() -> None:
    names = set(known())
    unknown = [span for span in map(" ".join, (each.split() for each in code(TEXT))) if span not in names]
    assert [span for span in unknown if not explained(span)] == [], "name it in SPELLED if it is right"
