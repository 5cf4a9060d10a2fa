"""`completion`: a script with which bash, zsh or fish completes command lines, made of the parsers' own tables.

The scripts' code lies beside this file; only what they offer is filled in. Each asks for it by a key: `COMMAND 1` is
the first word after a command and `COMMAND 2` each further one, `COMMAND -` the command's flags, `COMMAND --flag` the
values of a flag, `filter` the keys of filters, `status:` the values of a key and `@` the predefined filters. The
browser counts as a command.
"""

from __future__ import annotations

import shlex
import textwrap
from argparse import SUPPRESS, Action, ArgumentParser
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from typing import NamedTuple

from auditlog_tui.entries.actions import COMMON, KINDS
from auditlog_tui.headless.streams import print_lines
from auditlog_tui.query.complete import complete
from auditlog_tui.query.fields import FIELDS
from auditlog_tui.query.saved_filters import BUILT_IN
from auditlog_tui.settings.command_line import COMMANDS, FIRST_WORDS, OTHERS, PROGRAM

SHELLS = ("bash", "zsh", "fish")

FILES, FOLDERS, CASES, FILTER, PROFILES = "<files>", "<folders>", "<cases>", "<filter>", "<profiles>"
"""What a script has to find out by itself, in place of words."""

VALUES: Mapping[str, tuple[str, ...]] = {
    "FILE": (FILES,), "PATH": (FILES,), "DIR": (FOLDERS,), "ZONE": ("utc", "local", "relative"),
    "NAME": (), "NAMES": (), "URL": (), "COMMAND": (), "N": (), "TIME": (), "ID": (), "SHA256": (),
}  # fmt: skip
"""What is offered for a value by its name in the help (argparse's metavar)."""

KNOWN = {"action": COMMON, "target.type": KINDS}
"""Values of keys that are offered here, where no log is at hand."""

_HELP_WIDTH = 72
_TAB = "\t"


class Offer(NamedTuple):
    """A word to complete to, and what a shell shows beside it."""

    word: str
    help: str = ""


Offers = dict[str, tuple[Offer, ...]]


def write_script(shell: str, parsers: Mapping[str, ArgumentParser]) -> int:
    """Write the script for one of `SHELLS`; `parsers` are by command, the browser's without a name.

    Returns the exit status.
    """
    return print_lines(lambda terminal: [script(shell, parsers).rstrip("\n")])


def script(shell: str, parsers: Mapping[str, ArgumentParser]) -> str:
    """The script's text."""
    code = files(__package__).joinpath(f"completion.{shell}").read_text(encoding="utf-8")
    valued = sorted({flag for parser in parsers.values() for flag in _valued(parser)})
    case = {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]
    separator = " " if shell == "fish" else "|"
    filled = {
        "@OFFERS@": "".join(case(keys, offers) for offers, keys in _by_offers(offers_of(parsers)).items()),
        "@COMMANDS@": separator.join(sorted(FIRST_WORDS)),
        "@VALUED@": separator.join(valued),
    }
    for mark, text in filled.items():
        code = code.replace(mark, text.rstrip("\n"))
    return code


def offers_of(parsers: Mapping[str, ArgumentParser]) -> Offers:
    """What is offered, by key. A command without a parser has no flags but `--help`."""
    words = tuple(Offer(word, _short(told)) for word, told in (COMMANDS | OTHERS).items())
    plain = ArgumentParser(prog=PROGRAM)
    found: Offers = {
        "help 1": words,
        "config 1": (Offer("init", OTHERS["config"]),),
        "filter": tuple(Offer(f"{name}:", _short(field.help)) for name, field in FIELDS.items()),
        "@": tuple(Offer(f"@{name}", _short(text)) for name, text in BUILT_IN.items()),
    }
    for command in ("", *sorted(FIRST_WORDS)):
        parser = parsers.get(command, plain)
        found.update(_of_parser(command or PROGRAM, parser))
    found[f"{PROGRAM} 1"] = (*words, Offer("help", "Tell about a command."), Offer(FILTER))
    for key in found["filter"]:
        values = complete(key.word, len(key.word), _known).candidates
        found[key.word] = tuple(Offer(value.text, _short(value.help)) for value in values)
    return {key: offers for key, offers in found.items() if offers}


def _known(field: str) -> list[tuple[str, int]]:
    return [(value, 0) for value in KNOWN.get(field, ())]


def _of_parser(command: str, parser: ArgumentParser) -> Offers:
    flags = [action for action in parser._actions if action.option_strings and action.help is not SUPPRESS]
    words = [action for action in parser._actions if not action.option_strings]
    found = {f"{command} {flag}": _values(command, action) for action in flags for flag in action.option_strings}
    found |= {f"{command} -": tuple(_flag(action) for action in flags)}
    for number, action in enumerate(words, 1):
        found[f"{command} {number}"] = _values(command, action)
        if action.nargs == "*":
            found[f"{command} {number + 1}"] = (Offer(FILTER),)
    return found


def _values(command: str, action: Action) -> tuple[Offer, ...]:
    if action.dest == "case" or (command, action.dest) == ("log", "path"):
        return (Offer(CASES),)
    if action.dest == "query" and not action.metavar:
        return (Offer(FILTER),)
    if action.dest == "profile":
        return (Offer(PROFILES),)
    named = VALUES.get(action.metavar, ()) if isinstance(action.metavar, str) else ()
    return tuple(Offer(str(each)) for each in action.choices or named)


def _flag(action: Action) -> Offer:
    return Offer(action.option_strings[-1], _short(action.help or ""))


def _valued(parser: ArgumentParser) -> Iterator[str]:
    """The flags whose value is the next word."""
    for action in parser._actions:
        if action.nargs != 0:
            yield from action.option_strings


def _short(text: str) -> str:
    return textwrap.shorten(text.partition("\n")[0], _HELP_WIDTH, placeholder=" …")


def _by_offers(offers: Offers) -> dict[tuple[Offer, ...], list[str]]:
    """The keys of each list of offers."""
    found: dict[tuple[Offer, ...], list[str]] = {}
    for key, each in offers.items():
        found.setdefault(each, []).append(key)
    return found


# -- how a shell is told -------------------------------------------------------------------------------------------


def _bash(keys: Iterable[str], offers: Iterable[Offer]) -> str:
    words = " ".join(shlex.quote(offer.word) for offer in offers)
    return f"        {'|'.join(map(shlex.quote, keys))}) offers=({words}) ;;\n"


def _zsh(keys: Iterable[str], offers: Iterable[Offer]) -> str:
    lines = "".join(f"            {shlex.quote(_described(offer))}\n" for offer in offers)
    return f"        {'|'.join(map(shlex.quote, keys))}) offers=(\n{lines}        ) ;;\n"


def _described(offer: Offer) -> str:
    """As zsh's `_describe` reads it."""
    word = offer.word.replace(":", "\\:")
    return f"{word}:{offer.help}" if offer.help else word


def _fish(keys: Iterable[str], offers: Iterable[Offer]) -> str:
    lines = (f" \\\n            {_fish_quote(_TAB.join(filter(None, offer)))}" for offer in offers)
    return f"        case {' '.join(map(_fish_quote, keys))}\n            printf '%s\\n'{''.join(lines)}\n"


def _fish_quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
