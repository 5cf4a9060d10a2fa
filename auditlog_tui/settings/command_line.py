"""Command lines: telling commands, flags and filter apart; a filter as a command line, and back."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Collection, Iterator, Sequence

from auditlog_tui.errors import ExitStatus, SettingsError
from auditlog_tui.settings.options import OPTIONS

COMMANDS = {
    "list": "Write the entries that match a filter, as they arrive.",
    "get": "Write one entry in full, by its ID.",
    "count": "Write how many entries match a filter.",
    "export": (
        "Write the entries that match a filter to a new file, as evidence. Nothing is overwritten.\n"
        "If it is broken off, the same command goes on with what is in FILE.part."
    ),
    "collect": (
        "Add what is new in the log to an archive: Parquet files by day, in the folder DIR. With a filter, the\n"
        "archive is of what matches. Run it again and again; it goes on where it was broken off."
    ),
    "follow": (
        "Write the last entries that match a filter, then each new one as it comes, until Ctrl+C.\n"
        "Standard error tells when the connection is lost and what may be missing."
    ),
    "who": (
        "Write what an actor did, or who acted from an address or on a target: what succeeded and what was refused,\n"
        "from where, what was deleted, what was created and not deleted since, and which of it acted in turn.\n"
        "An ID is an actor's if that has entries, else a target's; actor:ID and target:ID say which.\n"
        "What is no ID is looked up as an actor's name: for that, the whole log is read."
    ),
    "recheck": (
        "Ask the API again for each entry in a bundle or another saved log, by its ID, and write which are the\n"
        "same, which have changed (and in which fields), and which are gone. For the key of another organization,\n"
        "no entry is found: if none is, it can't be told. The key is sent only to the address of your settings: if\n"
        "a bundle was made at another one, nothing is sent, unless --base-url is on the command line."
    ),
}
"""Commands without a screen, if they are the first word; `auditlog-tui -- list` searches for the word."""

OPEN = "open"
FROM = "--from"
CASE = "--case"

OTHERS = {
    OPEN: "Browse a log that was saved to a file: no key, no network.",
    "verify": "Tell whether a bundle was changed.",
    "log": "Write what was done in a case, and check that log.",
    "config": "Write a settings file to begin with.",
    "paths": "Write where settings, marks and history are kept.",
    "completion": "Write a script with which a shell completes command lines.",
}
"""Commands that ask no API."""

FIRST_WORDS = frozenset((*COMMANDS, *OTHERS, "help"))
"""First words with a meaning of their own."""

FORMATS = ("table", "jsonl", "csv", "markdown", "timesketch", "ocsf", "ecs", "ids")
"""Output formats of `list`, `get` and `follow`."""

EXPORT_FORMATS = ("jsonl", "csv", "markdown", "timesketch", "ocsf", "ecs")
"""Formats of `export`; the first is the evidence, the others are made of it."""

WHO_FORMATS = ("text", "json")
"""Output formats of `who` and `recheck`."""

LOG_FORMATS = ("text", "jsonl")
"""Output formats of `log`."""

PROGRAM = "auditlog-tui"

EXAMPLES = """\
commands:
  auditlog-tui 'status:>=400 last:24h'                browse what matches a filter
  auditlog-tui list 'status:>=400' --format jsonl     write the entries
  auditlog-tui count 'action:*.deleted last:7d'       write how many match
  auditlog-tui follow 'status:>=400' --format jsonl   write new entries as they come
  auditlog-tui export 'last:7d' --out week.jsonl      write the entries to a file, as evidence
  auditlog-tui who 203.0.113.7                        write what was done from an address, by an actor or to a target
  auditlog-tui collect archive                        add what is new to an archive of Parquet files
  auditlog-tui get 123e4567-e89b-12d3-a456-426614174000
                                                      write one entry, by its ID
  auditlog-tui --case incident.db                     browse, and keep everything in a file for the next time
  auditlog-tui open incident.jsonl.gz                 browse a log saved to a file: no key, no network
  auditlog-tui list --from incident.jsonl.gz          write its entries; count and get know --from too
  auditlog-tui open archive                           browse an archive that collect made
  auditlog-tui verify incident.zip                    tell whether a bundle was changed
  auditlog-tui recheck incident.zip                   tell whether the API still has its entries, as they were
  auditlog-tui log incident.db                        write what was done in a case, and check that log
  auditlog-tui config init                            write a settings file to begin with
  auditlog-tui paths                                  write where settings, marks and history are kept
  auditlog-tui completion bash                        write a script for the shell: bash, zsh or fish"""

_RECHECK_STATUS = f"""\
exit status:
  0 all are the same; 1 some have changed or are gone; 2 that can't be told, or wrong arguments or settings;
  {ExitStatus.INTERRUPTED} Ctrl+C; {ExitStatus.BROKEN_PIPE} nobody reads the output any more"""

_STATUS = f"""\
exit status:
  {ExitStatus.DONE} done; {ExitStatus.INCOMPLETE} incomplete (standard error says what is missing) or crashed;
  {ExitStatus.USAGE} wrong arguments or settings; {ExitStatus.API} the API refused or could not be reached;
  {ExitStatus.INTERRUPTED} Ctrl+C; {ExitStatus.BROKEN_PIPE} nobody reads the output any more"""

VALUED = frozenset((FROM, CASE, *(option.flag for option in OPTIONS if not option.switch)))
"""Flags that take a value, with any command."""

_COMMANDS_VALUED = frozenset(
    ("--format", "--limit", "--last", "--until", "--out", "--bundle", "--by", "--with-context", "--since")
)
"""Flags of the commands that take a value."""

STDOUT = "-"
"""The file of `export` that stands for standard output."""

_FORMAT_OF = {"get": "jsonl", "export": None, "who": "text", "recheck": "text"}
"""The output format where none is given, of the commands that don't write a table."""

_SHORT = {"follow": frozenset(("-n",))}
"""Short flags that take a value, by command."""

_BROWSER_ONLY = {"theme": "--theme", "scroll": "--scroll", "mouse": "--no-mouse", "mmdb": "--mmdb"}
"""Options that commands without a screen refuse, and their flags; `who` has locations."""

_OPTIONS = {"n": "--limit", "l": "--limit", "o": "--format", "f": "--format"}
"""The flag that a short option of other programs may stand for."""

_LETTER = re.compile(r"-[A-Za-z]|-n\d+")
_WORD = re.compile(r"[a-z]+")


def command_of(arguments: Sequence[str]) -> str:
    """The command that the first non-flag word names; empty for the browser."""
    return _first_word(arguments)[1]


def without_command(arguments: Sequence[str]) -> list[str]:
    """The arguments without the command."""
    at, command = _first_word(arguments)
    if not command:
        return list(arguments)
    rest = arguments[at][len(command) :].strip()
    return [*arguments[:at], *([rest] if rest else []), *arguments[at + 1 :]]


def _first_word(arguments: Sequence[str]) -> tuple[int, str]:
    """The index of the first non-flag argument, and the command that it is or begins with, if any."""
    at = 0
    while at < len(arguments):
        argument = arguments[at]
        if argument == "--":
            break
        if argument in VALUED or argument in _COMMANDS_VALUED:
            at += 2
        elif argument.startswith("--") or argument == "-h":
            at += 1
        else:
            words = argument.split()
            return at, words[0] if words and words[0] in COMMANDS and argument.startswith(words[0]) else ""
    return at, ""


def after(word: str, arguments: Sequence[str]) -> list[str] | None:
    """The arguments after `word` if that is the first word, else `None`."""
    at, _ = _first_word(arguments)
    return list(arguments[at + 1 :]) if list(arguments[at : at + 1]) == [word] else None


def with_file(arguments: Sequence[str]) -> list[str]:
    """The arguments with `open FILE` as `--from=FILE`. Raises `SettingsError` if `open` has no file."""
    at, _ = _first_word(arguments)
    if list(arguments[at : at + 1]) != [OPEN]:
        return list(arguments)
    rest = list(arguments[at + 1 :])
    file, _ = _first_word(rest)
    marked = rest[file : file + 1] == ["--"]  # what follows may begin with a dash
    path = "".join(rest[file + marked : file + marked + 1])
    if not path:
        raise SettingsError(
            "auditlog-tui open takes a file: a bundle, a case, JSON Lines of entries, or a page or list of them as"
            " JSON, also as .gz;\nor the folder of an archive.\n"
            "To search for the word: auditlog-tui '\"open\"'"
        )
    return [*arguments[:at], f"{FROM}={path}", *rest[:file], *rest[file + marked + 1 :]]


def mistaken(arguments: Sequence[str]) -> str:
    """The command that the first word seems to be a typo of; empty if it is a command or nothing like one."""
    at, command = _first_word(arguments)
    word = arguments[at] if at < len(arguments) and not command else ""
    if not _WORD.fullmatch(word) or (at and arguments[at - 1] == "--"):
        return ""
    return next((name for name in (*COMMANDS, *OTHERS) if word != name and name in _slips(word)), "")


def _slips(word: str) -> Iterator[str]:
    """Every word one typo away: a letter removed, added, replaced, or swapped with the next."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    for at in range(len(word) + 1):
        before, after = word[:at], word[at:]
        yield before + after[1:]
        yield before + after[1:2] + after[:1] + after[2:]
        for letter in letters:
            yield before + letter + after
            yield before + letter + after[1:]


def read_options(parser: argparse.ArgumentParser, command: str, arguments: Sequence[str]) -> argparse.Namespace:
    """The flags, and the other words as `query`. Exits the program, as argparse does, if they can't be read."""
    parser.set_defaults(
        format=_FORMAT_OF.get(command, "table"), limit=None, last=10, until="", out="", bundle="", by="",
        marked=False, with_context="", incomplete=False, folder="", since="", quiet=False, verify=False,
        compact=False,
    )  # fmt: skip
    valued = set(VALUED)
    if command:
        make_command(parser, command)
        valued |= _COMMANDS_VALUED | _SHORT.get(command, frozenset())
    words, flags = split(without_command(arguments), valued)
    _check_letters(parser, flags)
    options = parser.parse_args(flags)
    if options.saved and options.demo:
        parser.error(f"--demo and {FROM} are two logs: choose one")
    if options.saved and command == "follow":
        parser.error("a saved log does not grow, so there is nothing to follow")
    if options.case == "":
        parser.error(f"{CASE} takes a file")
    if options.case and options.saved:
        parser.error(f"{CASE} and {FROM} are two logs: choose one")
    if options.case and command == "collect":
        parser.error(f"{CASE} is not for collect: an archive has no marks and no notes")
    if command == "get" and len(words) != 1:
        parser.error("get takes one ID")
    if command == "export":
        _check_export(parser, options)
    if command == "recheck":
        _check_recheck(parser, options, words)
    if command == "who" and len(words) != 1:
        parser.error("who takes one ID, name or address; quote a name with spaces")
    if command == "collect":
        if not words:
            parser.error("collect takes the archive's folder, then the filter")
        options.folder, *words = words
        if (options.verify or options.compact) and (words or options.since or options.until):
            parser.error("--verify and --compact are for the whole archive")
    if options.columns is not None and (
        command in ("get", "count", "export", "collect", "who", "recheck") or (command and options.format != "table")
    ):
        parser.error("--columns is for the browser, and for the table of list and follow")
    for name, flag in _BROWSER_ONLY.items():
        if command and _refuses(command, name) and getattr(options, name) is not None:
            parser.error(f"{flag} is for the browser{' and who' if name == 'mmdb' else ''}")
    options.query = words
    return options


def options_of(parser: argparse.ArgumentParser) -> list[str]:
    """The options that a parser takes, as its help lists them."""
    shown = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    return [name for action in shown for name in action.option_strings if name.startswith("--")]


def _refuses(command: str, option: str) -> bool:
    return option in _BROWSER_ONLY and (command, option) != ("who", "mmdb")


def _check_letters(parser: argparse.ArgumentParser, flags: Sequence[str]) -> None:
    able = [action.option_strings[-1] for action in parser._actions if action.option_strings]
    short = [name for action in parser._actions for name in action.option_strings if len(name) == 2]
    for flag in flags:
        if flag.startswith("--") or (flag[:2] in short and not flag[2:3].isalpha()):
            continue
        known = _OPTIONS.get(flag[1], "") if _LETTER.fullmatch(flag) else f"-{flag}"
        meant = f"; did you mean {known}?" if known in able else "."
        parser.error(f"there is no option {flag}{meant} A word to leave out goes in quotes: '-\"{flag[1:]}\"'")


def make_command(parser: argparse.ArgumentParser, command: str) -> None:
    """Add to the browser's parser what the command takes, and remove what is for the browser."""
    parser.prog = f"{parser.prog} {command}"
    parser.description = COMMANDS[command]
    parser.epilog = f"{EXAMPLES}\n\n{_RECHECK_STATUS if command == 'recheck' else _STATUS}"
    for action in parser._actions:
        if _refuses(command, action.dest):
            action.help = argparse.SUPPRESS
    words = next(action for action in parser._actions if action.dest == "query")
    if command == "get":
        words.metavar, words.help, words.nargs = "ID", "the entry's ID, as list --format ids writes it", "?"
    if command == "count":
        return
    if command in _MAKERS:
        _MAKERS[command](parser)
        return
    default = _FORMAT_OF.get(command, "table")
    described = f"output format (default: {default}); all but table, jsonl and ids take your notes along"
    parser.add_argument("--format", choices=FORMATS, default=default, help=described)
    if command == "list":
        parser.add_argument("--limit", type=_positive, metavar="N", help="write at most N entries")
    if command == "follow":
        parser.add_argument(
            "-n", "--last", type=_whole, metavar="N", help="first write the last N entries that match (default: 10)"
        )
        parser.add_argument("--limit", type=_positive, metavar="N", help="end after N new entries")
        parser.add_argument(
            "--until", metavar="TIME", help="end at a time, such as 18:00, or after a length of time, such as 10m"
        )


def _make_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", metavar="FILE", help="the file to write; - is standard output, as for list")
    parser.add_argument(
        "--bundle", metavar="FILE",
        help="write a bundle instead: entries, notes, a report and digests in one file, which verify checks",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=EXPORT_FORMATS,
        help="its format (default: what FILE ends in, such as .csv or .md; jsonl if it has no ending: byte for byte"
        " what the server sent; notes lie beside it)",
    )  # fmt: skip
    parser.add_argument("--marked", action="store_true", help="only entries that you marked")
    parser.add_argument(
        "--with-context", metavar="TIME", help="with --marked: what happened around each as well, such as 5m"
    )
    parser.add_argument("--by", metavar="NAME", help="who exports it, for the report")
    parser.add_argument(
        "--incomplete", action="store_true",
        help="if entries are missing, write those that are there, as NAME.incomplete.csv, say (a bundle keeps its"
        " name and says so itself); the exit status is 1",
    )  # fmt: skip


def _make_collect(parser: argparse.ArgumentParser) -> None:
    parser.usage = "%(prog)s [options] DIR [filter ...]"
    words = next(action for action in parser._actions if action.dest == "query")
    words.metavar, words.help = "DIR", "the archive's folder, then a filter if it is not of the whole log"
    parser.add_argument("--since", metavar="TIME", help="only from this hour on, such as 2026-11-20 or 48h")
    parser.add_argument("--until", metavar="TIME", help="only up to this hour")
    parser.add_argument("--quiet", action="store_true", help="say nothing unless something is missing or fails")
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "--verify", action="store_true",
        help="instead, check every part against the manifest; the exit status is 1 if something was changed",
    )  # fmt: skip
    other.add_argument(
        "--compact", action="store_true",
        help="instead, join each day's small parts, while nobody reads the archive; --verify and this send nothing",
    )  # fmt: skip


def _make_who(parser: argparse.ArgumentParser) -> None:
    words = next(action for action in parser._actions if action.dest == "query")
    words.metavar, words.nargs = "ID", "?"
    words.help = "an actor's or a target's ID, an actor's name, or an address"
    parser.add_argument("--format", choices=WHO_FORMATS, help="text (default), or one JSON object")


def _make_recheck(parser: argparse.ArgumentParser) -> None:
    words = next(action for action in parser._actions if action.dest == "query")
    words.metavar, words.nargs = "PATH", "?"
    words.help = "a bundle, or another file that open reads"
    parser.add_argument(
        "--marked", action="store_true",
        help="only the entries that are marked in it (default: all, one request each; of a case, all ever fetched)",
    )  # fmt: skip
    parser.add_argument("--format", choices=WHO_FORMATS, help="text (default), or one JSON object")


_MAKERS = {"export": _make_export, "collect": _make_collect, "who": _make_who, "recheck": _make_recheck}


def _check_recheck(parser: argparse.ArgumentParser, options: argparse.Namespace, words: Sequence[str]) -> None:
    """Exit the program, as argparse does, where the arguments of `recheck` can't be meant."""
    if options.saved or options.case:
        parser.error(f"the file goes without {FROM if options.saved else CASE}: recheck FILE")
    if len(words) != 1:
        parser.error("recheck takes one file")


def _check_export(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Exit the program, as argparse does, where the options of `export` don't go together."""
    if bool(options.out) == bool(options.bundle):
        parser.error("it takes one of --out FILE (- is standard output) and --bundle FILE")
    if options.bundle and options.format:
        parser.error("--format is for --out: a bundle has its own formats")
    if options.with_context and not options.marked:
        parser.error("--with-context is for --marked")
    if options.out == STDOUT and (options.with_context or options.by or options.incomplete):
        parser.error("--with-context, --by and --incomplete are for a file")


def split(arguments: Sequence[str], valued: Collection[str]) -> tuple[list[str], list[str]]:
    """The filter's words and the flags, in their order; `valued` are the flags that take a value.

    argparse takes every word that begins with a dash for a flag, but `-method:GET` is a term of a filter. Here only
    `--name`, `-name` of a known flag and a single letter after a dash are flags, and nothing after `--` is.
    """
    words: list[str] = []
    flags: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            words.extend(rest)
        elif argument in valued:
            value = next(rest, None)
            flags.append(argument if value is None else f"{argument}={value}")
        elif argument.startswith("--") or _LETTER.fullmatch(argument) or f"-{argument}" in valued:
            flags.append(argument)
        else:
            words.append(argument)
    return words, flags


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def command_line(query: str, *, profile: str = "", base_url: str = "", demo: bool = False, saved: str = "") -> str:
    """The command line that shows a query (with absolute times) again.

    `profile` is empty without one, `base_url` if it is the default; `saved` is the path of a saved log.
    """
    parts = [PROGRAM, *(["--profile", profile] if profile else [])]
    if saved:
        parts += [OPEN, *(["--"] if saved.startswith("-") else []), saved]
    elif demo:
        parts.append("--demo")
    elif base_url:
        parts += ["--base-url", base_url]
    if query.startswith("-") or (query.split() or [""])[0] in FIRST_WORDS or mistaken([query]):
        parts.append("--")
    return shlex.join([*parts, *([query] if query else [])])


def export_command(
    query: str,
    out: str,
    form: str,
    *,
    profile: str = "",
    zone: str = "",
    base_url: str = "",
    demo: bool = False,
    saved: str = "",
) -> str:
    """The command line that writes an export to `out`, or goes on with it.

    `form` is the format, empty for a bundle; `zone` is that of the filter, if it depends on one. The others are as
    for `command_line`.
    """
    parts = [PROGRAM, "export", *(["--profile", profile] if profile else [])]
    if saved:
        parts.append(f"{FROM}={saved}")
    elif demo:
        parts.append("--demo")
    elif base_url:
        parts += ["--base-url", base_url]
    parts += ["--zone", zone] if zone else []
    path = f"./{out}" if out.startswith("-") else out
    parts += ["--out", path, "--format", form] if form else ["--bundle", path]
    return shlex.join([*parts, *(["--"] if query.startswith("-") else []), *([query] if query else [])])


def filter_in(text: str) -> str:
    """The filter in a pasted command line; any other text unchanged."""
    try:
        words = shlex.split(text)
    except ValueError:
        return text
    if not words or words[0].rpartition("/")[2] != PROGRAM:
        return text
    try:
        given = with_file(words[1:])
    except SettingsError:
        return text
    short = _SHORT.get(command_of(given), frozenset())
    found, _ = split(without_command(given), VALUED | _COMMANDS_VALUED | short)
    return " ".join(found)
