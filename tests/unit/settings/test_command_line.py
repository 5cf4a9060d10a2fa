import shlex
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditlog_tui.errors import SettingsError
from auditlog_tui.settings.command_line import (
    COMMANDS,
    VALUED,
    command_line,
    command_of,
    export_command,
    filter_in,
    split,
    with_file,
    without_command,
)
from auditlog_tui.settings.options import OPTIONS
from tests.unit.query.strategies import HOSTILE, typed

FLAGS = {option.flag for option in OPTIONS}
NASTY = (
    *HOSTILE, *COMMANDS, "lst", "config", "paths", "open", "open x", "--from", "-n",
    "-method:GET", "--", "--demo", "--base-url", "-h", "-- x", "'", "''", "$(id)", "`id`", "a;b",
    "a\nb", "!x", "#x", "~", "ua:\"it's\"", "\\", "auditlog-tui", "auditlog-tui --demo x", "list x", "--zone=u", " ",
)  # fmt: skip

texts = st.sampled_from(NASTY) | st.text() | typed
places = st.sampled_from(
    [{}, {"demo": True}, {"base_url": "http://127.0.0.1:8080/x"}, {"saved": "a b.zip"}, {"saved": "-x"}]
)


@given(texts, places)
def test_a_pasted_link_is_the_filter_in_it(text: str, place: dict[str, object]) -> None:
    assert filter_in(command_line(text, **place)) == text  # type: ignore[arg-type]  # as their names say


@given(texts, places)
@example("list", {"saved": "a b.zip"})
def test_the_command_line_reads_the_filter_from_it(text: str, place: dict[str, object]) -> None:
    """As `cli` does: first a command, then words and flags."""
    arguments = with_file(shlex.split(command_line(text, **place))[1:])  # type: ignore[arg-type]  # as their names say
    assert not command_of(arguments)
    words, flags = split(arguments, FLAGS)
    assert words == ([text] if text else [])
    assert {flag.partition("=")[0] for flag in flags} <= {"--demo", "--base-url", "--from"}
    assert [flag for flag in flags if flag.startswith("--from")] == [
        f"--from={path}" for name, path in place.items() if name == "saved"
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
@pytest.mark.parametrize("text", [text for text in NASTY if text and "\x00" not in text])
def test_a_shell_reads_the_filter_from_it(text: str) -> None:
    line = command_line(text).removeprefix("auditlog-tui")
    script = f'set --{line}\nprintf %s "$#:"\nfor word; do printf \'%s\\0\' "$word"; done'
    out = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True).stdout.decode()
    *words, _ = out.partition(":")[2].split("\x00")
    assert words[-1] == text


def test_what_it_looks_like() -> None:
    assert command_line("") == "auditlog-tui"
    assert command_line("method:GET") == "auditlog-tui method:GET"
    assert command_line("method:GET ua:x", demo=True) == "auditlog-tui --demo 'method:GET ua:x'"
    assert command_line("x", base_url="https://api.test") == "auditlog-tui --base-url https://api.test x"
    assert command_line("lst") == "auditlog-tui -- lst"
    assert command_line("-method:GET") == "auditlog-tui -- -method:GET"
    assert command_line("list") == "auditlog-tui -- list"
    assert command_line("open") == "auditlog-tui -- open"
    assert command_line("status:401", saved="b.zip") == "auditlog-tui open b.zip status:401"
    assert command_line("-method:GET", saved="-x") == "auditlog-tui open -- -x -- -method:GET"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("auditlog-tui --demo method:GET status:200", "method:GET status:200"),
        ("  /usr/local/bin/auditlog-tui 'method:GET ua:x'\n", "method:GET ua:x"),
        ("auditlog-tui --base-url https://x --zone local -- -method:GET", "-method:GET"),
        ("auditlog-tui --base-url=https://x method:GET", "method:GET"),
        ("auditlog-tui -method:GET", "-method:GET"),
        ("auditlog-tui list 'method:GET' --format jsonl --limit 5", "method:GET"),
        ("auditlog-tui count method:GET", "method:GET"),
        ("auditlog-tui follow -n 3 method:GET --last 5 --until 10m", "method:GET"),
        ("auditlog-tui get 123e4567", "123e4567"),
        ("auditlog-tui --base-url", ""),
        ("auditlog-tui --zone local count method:GET", "method:GET"),
        ("auditlog-tui 'list method:GET'", "method:GET"),
    ],
)
def test_a_pasted_command_line_is_the_filter_in_it(line: str, text: str) -> None:
    assert filter_in(line) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "method:GET",
        "'open",
        'ua:"auditlog-tui x"',
        "ua:auditlog-tui",
        "xauditlog-tui --demo",
        "a auditlog-tui b",
        "'",
    ],
)
def test_any_other_text_is_left_as_it_is(text: str) -> None:
    assert filter_in(text) == text


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        ("open b.zip", "--from=b.zip"),
        ("open b.zip status:401 -method:GET", "--from=b.zip status:401 -method:GET"),
        ("--zone local open b.zip status:401", "--zone local --from=b.zip status:401"),
        ("open --zone local b.zip", "--from=b.zip --zone local"),
        ("open -- -b.zip", "--from=-b.zip"),
        ("open b.zip -- -x", "--from=b.zip -- -x"),
        ("-- open b.zip", "-- open b.zip"),
        ("list open", "list open"),
        ("opens b.zip", "opens b.zip"),
    ],
)
def test_open_is_a_flag_with_the_file(line: str, rest: str) -> None:
    assert with_file(line.split()) == rest.split()


@pytest.mark.parametrize("line", ["open", "open --", "open --zone local"])
def test_open_needs_a_file(line: str) -> None:
    with pytest.raises(SettingsError, match="open takes a file"):
        with_file(line.split())


@pytest.mark.parametrize("text", ["", "marked:yes", "-method:GET status:500", "list", "say 'hi'"])
@pytest.mark.parametrize(
    ("place", "flags"),
    [
        ({}, []), ({"demo": True}, ["--demo"]), ({"base_url": "https://log.example"}, ["--base-url=https://log.example"]),
        ({"profile": "prod"}, ["--profile=prod"]),
        ({"saved": "my log.zip"}, ["--from=my log.zip"]), ({"zone": "Asia/Tokyo"}, ["--zone=Asia/Tokyo"]),
    ],
)  # fmt: skip
def test_the_command_of_an_export_says_what_it_exports_and_where(
    text: str, place: dict[str, Any], flags: list[str]
) -> None:
    for form, out, expected in (("", "-a.zip", ["--bundle=./-a.zip"]), ("csv", "a", ["--out=a", "--format=csv"])):
        arguments = shlex.split(export_command(text, out, form, **place))[1:]
        assert command_of(arguments) == "export"
        words, found = split(without_command(arguments), {*VALUED, "--out", "--bundle", "--format"})
        assert found == [*flags, *expected]
        assert " ".join(words) == text
