"""What the shells' scripts offer is all that the parsers and the filter language know."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from auditlog_tui.cli import main, parsers
from auditlog_tui.demo import demo_entries
from auditlog_tui.headless.completion import CASES, FILES, FILTER, FOLDERS, SHELLS, VALUES, Offers, offers_of, script
from auditlog_tui.query.fields import FIELDS
from auditlog_tui.query.saved_filters import BUILT_IN
from auditlog_tui.settings.command_line import COMMANDS, FIRST_WORDS, FORMATS, VALUED

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def offers() -> Offers:
    return offers_of(parsers())


def words(offers: Offers, key: str) -> set[str]:
    return {offer.word for offer in offers.get(key, ())}


def test_every_first_word_is_offered_and_explained(offers: Offers) -> None:
    assert words(offers, "auditlog-tui 1") == {*FIRST_WORDS, FILTER}
    assert words(offers, "help 1") == FIRST_WORDS - {"help"}
    assert all(offer.help for offer in offers["auditlog-tui 1"] if offer.word != FILTER)


@pytest.mark.parametrize("command", ["", *sorted(FIRST_WORDS - {"help"})])
def test_every_option_in_a_commands_help_is_offered(
    command: str, offers: Offers, capsys: pytest.CaptureFixture[str]
) -> None:
    with suppress(SystemExit):
        main([*([command] if command else []), "--help"])
    told = set(re.findall(r"(?m)^  (?:-\w.*, )?(--[\w-]+)", capsys.readouterr().out)) | {"--help"}
    missing = told - words(offers, f"{command or 'auditlog-tui'} -")
    assert not missing, "give the command's parser in cli.parsers"


def test_every_kind_of_value_is_known() -> None:
    named = {
        (command, action.metavar)
        for command, parser in parsers().items()
        for action in parser._actions
        if action.metavar and not action.choices
    }
    assert {each for each in named if each[1] not in VALUES} == set(), "say in completion.VALUES what to offer"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_knows_the_flags_that_take_a_value(shell: str) -> None:
    (flags,) = re.findall(r"[(\s]((?:--?[\w-]+[| ]?){10,})\)?", script(shell, parsers()))[-1:]
    assert VALUED | {"-n", "--format", "--manifest", "--out"} <= set(re.split(r"[| ]", flags.strip()))


def test_values_of_options(offers: Offers) -> None:
    assert words(offers, "list --format") == set(FORMATS)
    assert words(offers, "who --format") == {"text", "json"}
    assert words(offers, "list --from") == words(offers, "export --out") == {FILES}
    assert words(offers, "auditlog-tui --scroll") == {"terminal", "redraw"}


def test_words_after_a_command(offers: Offers) -> None:
    for command in ("list", "count", "export", "follow"):
        assert words(offers, f"{command} 1") == words(offers, f"{command} 2") == {FILTER}
    assert words(offers, "open 1") == words(offers, "verify 1") == {FILES}
    assert words(offers, "collect 1") == {FOLDERS}
    assert words(offers, "open 2") == words(offers, "collect 2") == {FILTER}
    assert words(offers, "get 1") == words(offers, "who 1") == words(offers, "paths 1") == set()
    assert words(offers, "completion 1") == set(SHELLS)


def test_keys_of_filters_and_their_known_values(offers: Offers) -> None:
    assert words(offers, "filter") == {f"{name}:" for name in FIELDS}
    assert words(offers, "method:") == set(FIELDS["method"].values)
    assert words(offers, "last:") == set(FIELDS["last"].values)
    assert {"created", "-created"} <= words(offers, "sort:")
    demo = [entry for seed in range(3) for entry in demo_entries(seed=seed, until=NOW)]
    assert words(offers, "action:") == {entry.action for entry in demo}
    assert words(offers, "target.type:") == {entry.target_type for entry in demo if entry.target_type}
    assert words(offers, "@") == {f"@{name}" for name in BUILT_IN}
    assert not words(offers, "ip:")


def test_a_case_is_offered_where_one_is_opened(offers: Offers) -> None:
    for key in ("auditlog-tui --case", "list --case", "log 1"):
        assert words(offers, key) == {CASES}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_command_writes_the_script(shell: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    written = capfd.readouterr().out
    assert written == script(shell, parsers())
    assert not re.search("@[A-Z]+@", written), "a mark was not filled in"
    assert all(command in written for command in COMMANDS)


@pytest.mark.parametrize("words", [["tcsh"], [], ["bash", "zsh"]])
def test_another_shell_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["completion", *words])
    assert ended.value.code == 2
    assert "bash" in capsys.readouterr().err


def test_its_help_says_where_the_script_goes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["help", "completion"])
    assert "~/.bashrc" in capsys.readouterr().out
