"""The composition root: reads the command line, then runs the browser or a command."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from auditlog_tui import __version__
from auditlog_tui.errors import AuditLogError, ExitStatus, SettingsError
from auditlog_tui.settings.command_line import (
    CASE,
    COMMANDS,
    EXAMPLES,
    FIRST_WORDS,
    FROM,
    LOG_FORMATS,
    OPEN,
    after,
    command_of,
    make_command,
    mistaken,
    options_of,
    read_options,
    with_file,
)
from auditlog_tui.settings.file import config_path, read_config, write_beginning
from auditlog_tui.settings.options import OPTIONS, Settings, is_folder, load
from auditlog_tui.text.safe import safe


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status, an `ExitStatus` or the browser's own."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["help"] and arguments[1:] in ([], *([name] for name in FIRST_WORDS)):
            arguments = [*(name for name in arguments[1:] if name != "help"), "--help"]
        elif arguments[:1] == ["help"] and len(arguments) == 2 and (meant := mistaken(arguments[1:])):
            raise SettingsError(f"There is no command {arguments[1]}. Did you mean help {meant}?")
        for name, run_it in _WITHOUT_LOG.items():
            if (rest := after(name, arguments)) is not None:
                return run_it(rest)
        if (rest := after(OPEN, arguments)) is not None and not _HELP.isdisjoint(rest):
            _parser(OPEN).print_help()
            return ExitStatus.DONE
        arguments = with_file(arguments)
        command = command_of(arguments)
        if meant := mistaken(arguments):
            raise SettingsError(_not_a_command(arguments, meant))
        options = read_options(_parser(), command, arguments)
        if options.verify or options.compact:
            return _look_after(options)
        settings, text = _settings(options), " ".join(options.query)
        return _print(settings, command, text, options) if command else _browse(settings, text)
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except AuditLogError as error:
        if sys.stderr is not None:
            print(error, file=sys.stderr)  # noqa: T201  # messages of a command line
        return ExitStatus.USAGE


_UNRECOGNIZED = "unrecognized arguments:"  # how argparse begins the message
_UNKNOWN_OPTION = re.compile(r"(?<!\S)--[^\s=]+")


class _Parser(argparse.ArgumentParser):
    def __init__(self, *, prog: str, description: str, epilog: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """argparse's, without the value of an unknown flag: that of `--api-key=…` would be a key."""
        unknown = _UNKNOWN_OPTION.findall(message) if message.startswith(_UNRECOGNIZED) else []
        message = re.sub(r"(--[^\s=]+)=\S*", r"\1=…", message)
        super().error(f"{message}; {self._instead_of(unknown[0])}" if unknown else message)

    def _instead_of(self, flag: str) -> str:
        """What helps against an unknown option: a similar one, or a command that has it."""
        able = {name or "the browser": options_of(parser) for name, parser in parsers().items()}
        if others := [name for name, options in able.items() if flag in options]:
            return f"{flag} is for {', '.join(others)}"
        own = options_of(self)
        begun = [option for option in own if option.startswith(flag)]
        if near := begun or difflib.get_close_matches(flag[:40], own, 1, 0.7):
            return f"did you mean {' or '.join(near)}?"
        return f"{self.prog} --help lists the options"


_OPEN_HELP = """\
Browse a log that was saved to a file, or an archive, without a key and without the network. Nothing is written to it.

A file is a bundle, a case (as --case keeps one), JSON Lines of entries (as list --format jsonl writes them), a page
of the API as saved by curl, or a JSON list of entries; all but the first two may be compressed by gzip. An archive is
the folder that collect fills."""


def _parser(command: str = "") -> argparse.ArgumentParser:
    opens = command == OPEN
    parser = _Parser(
        prog="auditlog-tui open" if opens else "auditlog-tui",
        description=_OPEN_HELP if opens else "Browse the Nirvana Labs audit log. ? in the browser lists its keys.",
        epilog=f"{EXAMPLES}\n\nEach command has a --help of its own.",
    )
    if opens:
        parser.add_argument("file", metavar="FILE", help="the saved log")
    parser.add_argument("query", nargs="*", help="a filter to begin with, for instance: status:>=400 last:24h")
    parser.add_argument("--demo", action="store_true", help="browse a made-up log: no key, no network")
    parser.add_argument(
        FROM, dest="saved", metavar="FILE", default="",
        help="read a log saved to a file, or an archive's folder, which open browses: no key, no network; - is"
        " standard input",
    )  # fmt: skip
    parser.add_argument(
        CASE, dest="case", metavar="FILE",
        help="keep what is fetched, marks, notes, filters and places in a file, and go on with what is in it; of a"
        " command, use the marks and notes in it",
    )  # fmt: skip
    for option in OPTIONS:
        if option.switch:
            described = f"leave the mouse to the terminal, which then selects text as elsewhere ({option.variable})"
            parser.add_argument(
                option.flag, dest=option.name, action="store_const", const=option.switch, help=described
            )
            continue
        parser.add_argument(
            option.flag, choices=option.choices or None, metavar=option.metavar or None,
            action="append" if option.many else "store", help=f"{option.help} ({option.variable})",
        )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"auditlog-tui {__version__}")
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    flags = {option.name: getattr(options, option.name) for option in OPTIONS}
    path = config_path()
    return load(
        flags, os.environ, read_config(path),
        demo=options.demo, path=safe(str(path)), saved=options.saved, case=options.case or "",
    )  # fmt: skip


def _not_a_command(arguments: Sequence[str], meant: str) -> str:
    word = next(argument for argument in arguments if not argument.startswith("-") and argument.isalpha())
    return f"There is no command {word}. Did you mean {meant}? To search for the word: auditlog-tui '\"{word}\"'"


_HELP = frozenset(("--help", "-h"))


def _config(arguments: Sequence[str]) -> int:
    if arguments and arguments[-1] in _HELP and arguments[:-1] in ([], ["init"]):
        print(  # noqa: T201
            "usage: auditlog-tui config init\n\n"
            f"Write a settings file that explains every setting and sets none: {safe(str(config_path()))}"
        )
        return ExitStatus.DONE
    if arguments != ["init"]:
        raise SettingsError(
            "auditlog-tui config init writes a settings file to begin with; config has no other command.\n"
            "To search for the word: auditlog-tui '\"config\"'"
        )
    path = config_path()
    write_beginning(path)
    print(f"Wrote {path}")  # noqa: T201
    return 0


def _paths(arguments: Sequence[str]) -> int:
    if len(arguments) == 1 and arguments[0] in _HELP:
        print("usage: auditlog-tui paths\n\nWrite where settings, marks and history are kept.")  # noqa: T201
        return ExitStatus.DONE
    if arguments:
        raise SettingsError(
            "auditlog-tui paths writes where settings, marks and history are kept, and takes no arguments.\n"
            "To search for the word: auditlog-tui '\"paths\"'"
        )
    from auditlog_tui.headless.paths import write_paths

    return write_paths(config_path())


_VERIFY_EPILOG = """\
exit status:
  0 unchanged; 1 changed; 2 it can't be read, or is no bundle and no archive; 130 Ctrl+C

To search for the word: auditlog-tui '"verify"'"""


def _verify_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="auditlog-tui verify",
        description=(
            "Tell whether a bundle that export --bundle made was changed, and which entries were; or, of a folder,\n"
            "whether an archive that collect made was, and which parts were, as collect DIR --verify does.\n"
            "It needs no key and sends nothing."
        ),
        epilog=_VERIFY_EPILOG,
    )
    parser.add_argument("path", metavar="PATH", help="the bundle, such as incident.zip, or the archive's folder")
    parser.add_argument(
        "--manifest", metavar="SHA256",
        help="the SHA-256 of its manifest, as you were given it by another way than the bundle",
    )  # fmt: skip
    return parser


def _verify(arguments: Sequence[str]) -> int:
    parser = _verify_parser()
    options = parser.parse_args(arguments)
    from auditlog_tui import runtime
    from auditlog_tui.headless.verifying import write_verdict

    runtime.enable_collector()
    if not is_folder(options.path):
        return write_verdict(Path(options.path), options.manifest)
    if options.manifest is not None:
        parser.error("--manifest is for a bundle; verify DIR writes the digest of an archive's manifest")
    from auditlog_tui.headless import upkeep

    return upkeep.verify(Path(options.path).expanduser(), quiet=False)


_COMPLETION_EPILOG = """\
bash   in ~/.bashrc:                    eval "$(auditlog-tui completion bash)"
zsh    in ~/.zshrc, after compinit:     eval "$(auditlog-tui completion zsh)"
fish   in ~/.config/fish/config.fish:   auditlog-tui completion fish | source

To search for the word: auditlog-tui '"completion"'"""


def _completion_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="auditlog-tui completion",
        description=(
            "Write a script with which the shell completes commands, options, filter keys and known values.\n"
            "Completing starts no program and sends nothing."
        ),
        epilog=_COMPLETION_EPILOG,
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell that reads the script")
    return parser


def _completion(arguments: Sequence[str]) -> int:
    shell = _completion_parser().parse_args(arguments).shell
    from auditlog_tui.headless.completion import write_script

    return write_script(shell, parsers())


def parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command that has one, and the browser's without a name."""
    found = {
        "": _parser(),
        OPEN: _parser(OPEN),
        "verify": _verify_parser(),
        "log": _log_parser(),
        "completion": _completion_parser(),
    }
    for command in COMMANDS:
        found[command] = _parser()
        make_command(found[command], command)
    return found


_LOG_EPILOG = """\
Each line holds the digest of the one before, so that a line that was changed or taken out is found. The case also
keeps which line is the last one, so that lines cut off at the end are found. It can't be seen that somebody changed
that too, or wrote the whole log anew: note the digest of the last line elsewhere, and look for it later with
--digest.

exit status:
  0 verified; 1 broken (the first line that does not hold is named); 2 it can't be read, or is no case; 130 Ctrl+C

To search for the word: auditlog-tui '"log"'"""


def _log_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="auditlog-tui log",
        description=(
            "Write the investigator's log of a case, and check it: the filters, pivots and jumps, what was marked,\n"
            "copied, exported and re-checked, and when. It never has the API key. It needs no key and sends nothing."
        ),
        epilog=_LOG_EPILOG,
    )
    parser.add_argument("path", metavar="PATH", help="the case, such as incident.db")
    parser.add_argument("--format", choices=LOG_FORMATS, default="text", help="text (default), or the lines as kept")
    parser.add_argument("--digest", metavar="SHA256", help="a digest that was noted earlier: look for its line")
    return parser


def _log(arguments: Sequence[str]) -> int:
    options = _log_parser().parse_args(arguments)
    from auditlog_tui import runtime
    from auditlog_tui.headless.case_log import write_log

    runtime.enable_collector()
    return write_log(Path(options.path), options.format, options.digest)


_WITHOUT_LOG = {"config": _config, "paths": _paths, "verify": _verify, "completion": _completion, "log": _log}
"""The commands that need no log, each with what runs it."""


def _look_after(options: argparse.Namespace) -> int:
    from auditlog_tui import runtime
    from auditlog_tui.headless import upkeep

    runtime.enable_collector()
    if options.verify:
        return upkeep.verify(Path(options.folder), quiet=options.quiet)
    return upkeep.compact(Path(options.folder), quiet=options.quiet)


def _browse(settings: Settings, text: str) -> int:
    _check_terminal()
    if settings.saved:
        _check_file(settings.saved)
    for name in ("COLUMNS", "LINES"):  # exported by a shell, and wrong once the terminal is resized
        os.environ.pop(name, None)
    from auditlog_tui.session.opening import Session

    session = Session(settings)
    session.check_locations()
    with session.releasing_case():
        begun = session.begin(text)
        from auditlog_tui.ui.app import AuditLogApp
        from auditlog_tui.ui.ending import ending

        begun()
        app = AuditLogApp(settings, session, text)
    session.refused = app.refuse
    with ending(app):
        app.run(mouse=settings.mouse)
    for told in filter(None, (app.left, session.save_marks())):
        with suppress(OSError):
            sys.stderr.write(f"{told}\n")
    if app.report:
        with suppress(OSError):  # the terminal may be what failed
            sys.stderr.write(app.report)
    return app.return_code or 0


def _check_file(path: str) -> None:
    """Raise `SettingsError` or `ArchiveError`, before the screen is drawn, for what can't be opened."""
    from auditlog_tui.evidence.saved_log import STDIN, check

    if path == STDIN:
        raise SettingsError("The browser reads keys from standard input. Save the log to a file, and open that.")
    if is_folder(path):
        from auditlog_tui.archive.source import check_archive

        check_archive(Path(path))
    else:
        check(path)


def _check_terminal() -> None:
    """Raise `SettingsError` if there is no terminal to read keys from and to draw on."""
    streams = {"Standard input": sys.__stdin__, "Standard output": sys.__stdout__}
    if sys.platform != "win32":
        streams["Standard error"] = sys.__stderr__  # Textual draws on it
    for name, stream in streams.items():
        if stream is None or not stream.isatty():
            raise SettingsError(
                f"{name} is not a terminal, and the browser needs a terminal."
                " For files and pipes: auditlog-tui list, get or count."
            )
    kind = os.environ.get("TERM", "")
    if sys.platform != "win32" and kind in ("", "dumb", "unknown"):
        raise SettingsError(
            f"The browser needs a terminal that can place text, and TERM is {kind or 'not set'}."
            " Set TERM (to xterm-256color, say) if this one can. Without one: auditlog-tui list, get or count."
        )


def _print(settings: Settings, command: str, text: str, options: argparse.Namespace) -> int:
    from auditlog_tui import runtime
    from auditlog_tui.headless.run import Command
    from auditlog_tui.headless.run import run as run_command

    runtime.enable_collector()
    asked = Command(command, text, options.format, options.limit, options.last, options.until)
    if command == "export":
        from auditlog_tui.headless.exporting import options_of

        export = options_of(options)
        asked = replace(asked, export=export, format=export.format)
    if command == "collect":
        from auditlog_tui.headless.collecting import options_of as collect_options_of

        asked = replace(asked, collect=collect_options_of(options))
    if command == "recheck":
        from auditlog_tui.headless.rechecking import RecheckOptions

        named = options.base_url is not None
        asked = replace(asked, recheck=RecheckOptions(text, options.marked, options.format, named))
    return run_command(settings, asked)


def run() -> None:
    """The console script."""
    status = main()
    for stream in (sys.stdout, sys.stderr):
        if stream is None:  # closed before the program began
            continue
        try:
            stream.flush()
        except OSError:  # the terminal is gone; Python would flush once more, and exit with another status
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(status)
