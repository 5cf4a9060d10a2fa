"""`completion`'s scripts in the shells that read them: what Tab makes of a line that is typed in a terminal."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator

import pytest

from auditlog_tui.cli import parsers
from auditlog_tui.headless.completion import SHELLS, script
from tests.real.pty_terminal import PtyTerminal, environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shells in a pseudo-terminal")

PROMPT = "READY> "

START = {
    "bash": (
        ["bash", "--noprofile", "--norc", "-i"],
        "PS1='READY> '; bind 'set bell-style none'; eval \"$(cat {script})\"",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        "PS1='READY> '; unsetopt prompt_sp beep; bindkey -e; autoload -Uz compinit; compinit -u -D;"
        ' eval "$(cat {script})"',
    ),
    "fish": (
        ["fish", "--no-config", "--private"],
        "function fish_prompt; echo 'READY> '; end; function fish_greeting; end;"
        " set -g fish_autosuggestion_enabled 0; cat {script} | source",
    ),
}


class Shell:
    """A shell with the script, in a folder with the file `saved log.jsonl` and the folder `archive`."""

    def __init__(self, terminal: PtyTerminal, name: str) -> None:
        self.terminal, self.name = terminal, name
        self._asked = 0

    def completed(self, line: str) -> str:
        """What a line becomes by Tab, and an X, which tells whether Tab added a space."""
        self._type(line)
        self._asked += 1
        end = f"X{self._asked}."  # another each time: what is on the screen still does not have it
        self.terminal.send(f"\t{end}")
        return str(self.terminal.wait_for(rf"{PROMPT}(.*X){self._asked}\.$")[1])

    def run(self, command: str) -> None:
        self.terminal.send(f"\x15{command}\r")
        self.terminal.settle()

    def shown(self, line: str) -> str:
        """The screen after Tab was typed twice."""
        self._type(line)
        self.terminal.send("\t\t")
        self.terminal.settle()
        screen = self.terminal.screen()
        self.terminal.send("\x15\x0c")
        return screen

    def _type(self, line: str) -> None:
        """Replace the line, and wait until the shell shows it."""
        self.terminal.send(f"\x15{line}")
        self.terminal.wait_for(rf"{PROMPT}{re.escape(line.rstrip())}$")


@pytest.fixture(scope="module", params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    name = str(request.param)
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    home = tmp_path_factory.mktemp(name)
    file = home / "script"
    file.write_text(script(name, parsers()))
    folder = home / "work"
    (folder / "archive").mkdir(parents=True)
    (folder / "saved log.jsonl").touch()
    (folder / "bundle.zip").write_bytes(b"PK")
    (folder / "archive" / "old.db").touch()
    for path in (folder / "incident.db", folder / "archive" / "deep.db", folder / "two words"):
        path.write_bytes(b"SQLite format 3\0")
    settings = home / ".config" / "auditlog-tui" / "config.toml"
    settings.parent.mkdir(parents=True)
    tables = [
        "[profiles.prod]",
        "[profiles.prod.views]",
        'x = "y"',
        "  [profiles.staging-2] # z",
        "[views]",
        'night-deletions = "action:*.deleted"',
        "[profiles.staging-2.views]",
        'stage = "x"',
        "# [profiles.probe]",
    ]
    settings.write_text("\n".join(['zone = "utc"', *tables]))
    command, start = START[name]
    with PtyTerminal(command, env=environment(home), size=(150, 50), cwd=folder) as terminal:
        terminal.settle()
        terminal.send(start.format(script=file) + "\r")
        terminal.settle()
        terminal.send("\x0c")
        terminal.wait_for("READY>")
        yield Shell(terminal, name)


CASES = {
    "fol": "follow X",
    "stat": "status:X",
    "list stat": "list status:X",
    "list method:D": "list method:DELETE X",
    "list -method:D": "list -method:DELETE X",
    "list -metho": "list -method:X",
    "list method:GET,D": "list method:GET,DELETE X",
    "list actor.type:a": "list actor.type:api_key X",
    "list status:403 last:24": "list status:403 last:24h X",
    "list action:vm.c": "list action:vm.created X",
    "list action:volume.created,api_key.d": "list action:volume.created,api_key.deleted X",
    "list target.type:nk": "list target.type:nks_cluster X",
    "list status:401,42": "list status:401,429 X",
    "list @fail": "list @failures X",
    "list 'status:401 @destr": "list 'status:401 @destructive' X",
    "@night": "@night-deletions X",
    "list @sta": "list @stage X",
    "st": "status:X",
    "--case inc": "--case incident.db X",
    "--case=inc": "--case=incident.db X",
    "--case bun": "--case bunX",
    "--case tw": r"--case two\ words X",
    "--case 'tw": "--case 'two words' X",
    "--case arch": "--case archive/X",
    "log archive/": "log archive/deep.db X",
    "list created:tod": "list created:today X",
    "list sort:-statu": "list sort:-status X",
    r"list status:\>": r"list status:\>=400 X",
    "list 'metho": "list 'method:X",
    "list 'status:>": "list 'status:>=400' X",
    "list 'status:403 last:24": "list 'status:403 last:24h' X",
    "list 'status:403 metho": "list 'status:403 method:X",
    'list "metho': 'list "method:X',
    "list --for": "list --format X",
    "list --format js": "list --format jsonl X",
    "list --format=js": "list --format=jsonl X",
    "list --format jsonl metho": "list --format jsonl method:X",
    "open sav": r"open saved\ log.jsonl X",
    "open 'sav": "open 'saved log.jsonl' X",
    "open x metho": "open x method:X",
    "open x --zone rel": "open x --zone relative X",
    "list --from sav": r"list --from saved\ log.jsonl X",
    "list --from=sav": r"list --from=saved\ log.jsonl X",
    "collect ar": "collect archive/X",
    "collect sav": "collect savX",
    "collect archive metho": "collect archive method:X",
    "--profile list fol": "--profile list follow X",
    "config in": "config init X",
    "completion f": "completion fish X",
    "help coll": "help collect X",
    "verify --man": "verify --manifest X",
    "follow -n 3 metho": "follow -n 3 method:X",
    "-- metho": "-- method:X",
    "--profile pr": "--profile prod X",
    "list --profile=stag": "list --profile=staging-2 X",
    "-- list --for": "-- list --forX",
    "get ar": "get arX",
    "list zzz": "list zzzX",
}
"""What a line becomes by Tab and X."""


@pytest.mark.parametrize("typed", CASES)
def test_tab_completes(shell: Shell, typed: str) -> None:
    assert shell.completed(f"auditlog-tui {typed}") == f"auditlog-tui {CASES[typed]}"


OFFERED = {
    "": ["list", "completion", "open", "help", "status:", "actor.name:"],
    "list ": ["action:", "tag:"],
    "list --": ["--format", "--limit", "--from", "--help"],
    "list status:": [">=400", "4xx", "401"],
    "list status:4": ["401", "429", "4xx"],
    "list action:vm.": ["vm.created", "vm.deleted", "vm.restarted"],
    "list @": ["@failures", "@last-hour", "@night-deletions", "@stage"],
    "--case ": ["incident.db", r"two\\? words"],
    "export --format ": ["jsonl", "ecs"],
    "open ": ["archive", r"saved\\? log\.jsonl"],
}
"""What is shown for a line after Tab was typed twice, as regular expressions."""


@pytest.mark.parametrize("typed", OFFERED)
def test_tab_shows_what_can_follow(shell: Shell, typed: str) -> None:
    shown = shell.shown(f"auditlog-tui {typed}")
    assert [each for each in OFFERED[typed] if not re.search(each, shown)] == [], shown


def test_only_what_can_be_a_case_is_shown_for_one(shell: Shell) -> None:
    shown = shell.shown("auditlog-tui --case ")
    assert not re.search(r"bundle|archive|saved", shown), shown


def test_bash_may_take_colons_as_parts_of_words(shell: Shell) -> None:
    if shell.name != "bash":
        pytest.skip("bash's own setting")
    shell.run("before=$COMP_WORDBREAKS; COMP_WORDBREAKS=${COMP_WORDBREAKS//[:=]}")
    try:
        for typed in ("list method:D", "list 'metho", "list --format=js", r"list status:\>"):
            assert shell.completed(f"auditlog-tui {typed}") == f"auditlog-tui {CASES.get(typed)}"
    finally:
        shell.run("COMP_WORDBREAKS=$before")


def test_it_completes_after_another_command_and_a_variable(shell: Shell) -> None:
    assert shell.completed("true; A=1 auditlog-tui list metho").endswith("auditlog-tui list method:X")
