"""The user's settings as one frozen object.

Flags override the profile, which overrides the environment, which overrides the rest of the settings file: who names
a profile means its organization, and a key of another one may be left in the environment.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from auditlog_tui.entries.contract import BASE_URL_VARIABLE, KEY_VARIABLE
from auditlog_tui.errors import NoKeyError, SettingsError
from auditlog_tui.output import files
from auditlog_tui.settings.connection import (
    DEFAULT_BASE_URL,
    DEMO_URL,
    HEADERS_VARIABLE,
    Secret,
    check_base_url,
    check_encrypted,
    check_key,
    may_be_secret,
    read_headers,
)
from auditlog_tui.settings.proxy import proxy_for
from auditlog_tui.text.safe import safe
from auditlog_tui.text.zones import read_zone

NO_KEY = f"""\
auditlog-tui needs an API key to read your organization's audit log.

  1. In the Nirvana Labs dashboard, under API keys, make a key that has read permission on audit_log, nothing more.
  2. Give it to auditlog-tui in the environment:   export {KEY_VARIABLE}=…
     or in a file that only you can read:          auditlog-tui --key-file FILE
     or by a program that writes it:               auditlog-tui --key-command 'pass show nirvana'

To look around without a key, on a made-up log:    auditlog-tui --demo
Or on a log that was saved to a file:              auditlog-tui open FILE"""


AUTO_THEME = "auto"
"""The theme that is chosen by the terminal's background."""


class Option(NamedTuple):
    """One setting: `name` is its key in the settings file, `variable` its environment variable."""

    name: str
    variable: str
    default: str
    help: str
    choices: tuple[str, ...] = ()
    metavar: str = ""
    switch: str = ""
    """The value that the flag sets without taking one itself: `no` for `--no-NAME`."""
    many: bool = False
    """Whether it takes several values: the flag repeated, a list in the file, `os.pathsep` in the variable."""

    @property
    def flag(self) -> str:
        return ("--no-" if self.switch == "no" else "--") + self.name.replace("_", "-")


OPTIONS: tuple[Option, ...] = (
    Option(
        "profile",
        "AUDITLOG_TUI_PROFILE",
        "",
        "a profile of the settings file: its address, key and zone, with marks, history and saved filters of its own",
        metavar="NAME",
    ),
    Option(
        "base_url",
        BASE_URL_VARIABLE,
        DEFAULT_BASE_URL,
        "the API's address: https, or http on this machine",
        metavar="URL",
    ),
    Option("key_file", "AUDITLOG_TUI_KEY_FILE", "", "a file with the API key that only you can read", metavar="FILE"),
    Option(
        "key_command",
        "AUDITLOG_TUI_KEY_COMMAND",
        "",
        "a command that writes the API key, such as 'pass show nirvana'; no shell runs it",
        metavar="COMMAND",
    ),
    Option(
        "zone",
        "AUDITLOG_TUI_ZONE",
        "utc",
        "how times are shown: utc, local, relative, or in a zone such as America/Los_Angeles",
        metavar="ZONE",
    ),
    Option(
        "theme",
        "AUDITLOG_TUI_THEME",
        AUTO_THEME,
        "colours: auto (dark or light, as the terminal's background is) or one of Textual's themes",
        metavar="NAME",
    ),
    Option(
        "columns",
        "AUDITLOG_TUI_COLUMNS",
        "",
        "columns after time and action, separated by commas; all if empty",
        metavar="NAMES",
    ),
    Option(
        "trust_env",
        "AUDITLOG_TUI_TRUST_ENV",
        "no",
        "use the proxy that the environment names (HTTPS_PROXY); it sees which hosts you connect to",
        ("yes", "no"),
    ),
    Option(
        "scroll",
        "AUDITLOG_TUI_SCROLL",
        "terminal",
        "how the table scrolls: terminal moves the lines in the terminal, redraw sends every line",
        ("terminal", "redraw"),
    ),
    Option(
        "mouse",
        "AUDITLOG_TUI_MOUSE",
        "yes",
        "whether the mouse is used here; without it, the terminal selects text as everywhere else",
        ("yes", "no"),
        switch="no",
    ),
    Option(
        "parallel",
        "AUDITLOG_TUI_PARALLEL",
        "8",
        "requests at once, 1 to 16, where much is loaded",
        metavar="N",
    ),
    Option(
        "mmdb",
        "AUDITLOG_TUI_MMDB",
        "",
        "a MaxMind DB file (.mmdb) that locates addresses; for several, repeat the flag, or put"
        f" {os.pathsep} between them in the variable, or a list in the settings file",
        metavar="FILE",
        many=True,
    ),
)

PROFILED = ("base_url", "key_file", "key_command", "zone", "trust_env")
"""Options that a profile can set."""

MOST_PARALLEL = 16
"""The most requests at once that can be chosen."""

_BY_NAME = {option.name: option for option in OPTIONS}
_KEY_OPTIONS = _BY_NAME["key_file"], _BY_NAME["key_command"]

Flags = Mapping[str, str | list[str] | None]
"""Values of flags by the option's name: a list for one that takes several, `None` for one that was not given."""

_SPELLINGS = {True: "yes", False: "no", "true": "yes", "false": "no"}
"""Other ways to write yes and no, in the settings file and in variables."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`headers` are sent with every request, and their values may be secrets. `views` are saved filters by name.

    `profile` is the profile's name, empty without one. `saved` is the path of a log saved to a file, or of an
    archive, which is read instead of the API; empty for the API. `case` is the path of a case, empty without one.
    `sources` says where each option comes from, by its name: a flag, a variable, or a file with a key in it.
    """

    base_url: str = DEFAULT_BASE_URL
    key: Secret | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    zone: str = "utc"
    theme: str = AUTO_THEME
    columns: str = ""
    trust_env: bool = False
    scroll: str = "terminal"
    mouse: bool = True
    parallel: int = 8
    mmdb: tuple[str, ...] = ()
    demo: bool = False
    saved: str = ""
    case: str = ""
    profile: str = ""
    unused: tuple[Secret, ...] = ()
    """What an offline log needs none of, and must not get: the key and the headers of the environment."""
    views: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def checking(self, name: str) -> Iterator[None]:
        """Check an option that only its user can: a `SettingsError` then names where the value comes from."""
        with _named(self.sources.get(name, name)):
            yield

    @property
    def endpoint(self) -> str:
        """The source's name on the screen: its host, and the proxy on the way to it."""
        if self.demo:
            return "demo"
        if self.saved:
            return self._saved_name
        proxy = proxy_for(self.base_url) if self.trust_env else None
        return urlsplit(self.base_url).netloc + (f" via proxy {proxy.name}" if proxy is not None else "")

    @property
    def _saved_name(self) -> str:
        """The last name in the path of a saved log."""
        path = os.path.abspath(os.path.expanduser(self.saved)) if is_folder(self.saved) else self.saved
        return safe(os.path.basename(path), 200)

    @property
    def log_name(self) -> str:
        """The log in what leaves the program: the API's address, or the file."""
        if self.saved:
            return f"{'archive' if is_folder(self.saved) else 'file'} {self._saved_name}"
        return DEMO_URL if self.demo else self.base_url

    @property
    def offline(self) -> bool:
        """True if nothing is sent anywhere: for the demo and for a saved log."""
        return self.demo or bool(self.saved)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that must never be shown: the key, and what headers may hold."""
        key = (self.key.reveal(),) if self.key else ()
        unused = (each.reveal() for each in self.unused)
        return (*key, *filter(may_be_secret, (*self.headers.values(), *unused)))


def is_folder(path: str) -> bool:
    """Whether the path of a saved log is a folder: that is an archive."""
    return bool(path) and os.path.isdir(os.path.expanduser(path))


def load(
    flags: Flags,
    environ: Mapping[str, str],
    file: Mapping[str, Any],
    *,
    demo: bool,
    path: str = "",
    saved: str = "",
    case: str = "",
) -> Settings:
    """The settings; `flags` by option name (`None` if not given), `file` is the content of the settings file `path`.

    `saved` is the path of a saved log, `case` that of a case. Raises `SettingsError`, which names where a wrong value
    comes from, and `NoKeyError` if a key is needed and there is none. `file` is to be checked by `check_file` before.
    """
    profile, levels = _levels(flags, environ, file, path)
    found = {option.name: _chosen(option, levels) for option in OPTIONS}
    chosen = {name: value for name, (value, _) in found.items()}
    sources = {name: source for name, (_, source) in found.items()}
    offline = demo or bool(saved)
    headers = {} if offline else read_headers(environ.get(HEADERS_VARIABLE, ""))
    key = None if offline else _key(levels, environ, headers)
    with _named(sources["base_url"]):
        base_url = check_base_url(chosen["base_url"])
    if not offline:
        if key is None and "authorization" not in {name.lower() for name in headers}:
            of = f"Profile {profile} has no key_file and no key_command.\n\n" if profile else ""
            raise NoKeyError(f"{of}{NO_KEY}")
        with _named(sources["base_url"]):
            check_encrypted(base_url)
    return Settings(
        base_url=base_url,
        key=key,
        headers=headers,
        zone=chosen["zone"],
        theme=chosen["theme"],
        columns=chosen["columns"],
        trust_env=chosen["trust_env"] == "yes",
        scroll=chosen["scroll"],
        mouse=chosen["mouse"] == "yes",
        parallel=int(chosen["parallel"]),
        mmdb=tuple(os.path.expanduser(each) for each in chosen["mmdb"] if each),
        demo=demo,
        saved=saved,
        case=case,
        profile=profile,
        unused=_unused(environ) if offline else (),
        views=dict((file["profiles"][profile] if profile else file).get("views", {})),
        sources=sources,
    )


def _unused(environ: Mapping[str, str]) -> tuple[Secret, ...]:
    """The secrets of the environment, for a log that needs none."""
    try:
        headers = list(read_headers(environ.get(HEADERS_VARIABLE, "")).values())
    except SettingsError:
        headers = [environ[HEADERS_VARIABLE]]
    return tuple(Secret(text) for text in (environ.get(KEY_VARIABLE, "").strip(), *headers) if text)


@contextmanager
def _named(source: str) -> Iterator[None]:
    """Put the source of a value before the errors about it."""
    try:
        yield
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from error


class _Level(NamedTuple):
    """A place where options are set: their values by name, and how a message names one of them there."""

    values: Mapping[str, Any]
    named: Callable[[Option], str]

    def get(self, option: Option) -> object:
        return self.values.get(option.name)


def _levels(
    flags: Flags, environ: Mapping[str, str], file: Mapping[str, Any], path: str
) -> tuple[str, dict[str, _Level]]:
    """The name of the chosen profile, empty for none, and the levels by name, the strongest first.

    Raises `SettingsError` if there is no such profile.
    """
    before = f"{path}: " if path else ""
    variables = {
        option.name: text.split(os.pathsep) if option.many else text
        for option in OPTIONS
        if (text := environ.get(option.variable))
    }
    given = _Level(flags, lambda option: option.flag)
    around = {
        "environment": _Level(variables, lambda option: option.variable),
        "file": _Level(file, lambda option: f"{before}{option.name}"),
    }
    profile, source = _chosen(_BY_NAME["profile"], {"flags": given, **around})
    if not profile:
        return "", {"flags": given, **around}
    profiles = file.get("profiles", {})
    if profile not in profiles:
        raise SettingsError(f"{source}: {_no_profile(profile, profiles, path)}")
    level = _Level(profiles[profile], lambda option: f"{before}profiles.{profile}.{option.name}")
    return profile, {"flags": given, "profile": level, **around}


def _no_profile(name: str, profiles: Collection[str], path: str) -> str:
    where = path or "The settings file"
    if not profiles:
        return f"There is no profile {safe(name, 60)!r}. {where} has none: begin one with [profiles.NAME]."
    near = difflib.get_close_matches(name[:60], profiles, 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"There is no profile {safe(name, 60)!r}.{hint} {where} has {', '.join(profiles)}."


def _chosen(option: Option, levels: Mapping[str, _Level]) -> tuple[Any, str]:
    """The option's value, a tuple of texts if it takes several, and where it comes from. Raises `SettingsError`."""
    for level in levels.values():
        if (value := level.get(option)) is not None:
            return _checked(option, value, level.named(option)), level.named(option)
    return _checked(option, option.default, option.flag), option.flag


def _checked(option: Option, value: object, source: str) -> str | tuple[str, ...]:
    """The value, or a tuple of all values if the option takes several. Raises `SettingsError`."""
    if not option.many:
        return _check_choice(option, value, source)
    values = value if isinstance(value, list) else [value]
    return tuple(_check_choice(option, each, source) for each in values)


def _check_choice(option: Option, value: object, source: str) -> str:
    """The value as one of the option's choices. Raises `SettingsError`."""
    if option.choices == ("yes", "no") and isinstance(value, str | bool):
        value = _SPELLINGS.get(value, value)
    if option.name == "parallel":
        return _check_parallel(value, source)
    if not isinstance(value, str) or (option.choices and value not in option.choices):
        able = " or ".join(option.choices) or "a text"
        raise SettingsError(f"{source} is {safe(str(value), 60)!r}; it must be {able}.")
    if option.name == "zone":
        with _named(source):
            read_zone(value)
    return value


def _check_parallel(value: object, source: str) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch("[0-9]{1,2}", text) or not 1 <= int(text) <= MOST_PARALLEL:
        raise SettingsError(
            f"{source} is {safe(str(value), 60)!r}; it must be a whole number from 1 to {MOST_PARALLEL}."
        )
    return str(int(text))


# -- the key -------------------------------------------------------------------------------------------------------

KEY_FILE_LIMIT = 100_000
"""Largest size of a key file, in bytes."""

PIPE_S = 60.0
"""Seconds to wait for a key from a pipe: the program that writes it may ask for a passphrase first."""


def _key(levels: Mapping[str, _Level], environ: Mapping[str, str], headers: Mapping[str, str]) -> Secret | None:
    """The key of the strongest level that has one; in the environment, `KEY_VARIABLE` is stronger than the others.

    Raises `SettingsError`, also where an Authorization header of the environment would replace a profile's key.
    """
    for name, level in levels.items():
        if name == "environment" and environ.get(KEY_VARIABLE, "").strip():
            return _checked_key(environ[KEY_VARIABLE], KEY_VARIABLE)
        named = [option for option in _KEY_OPTIONS if level.get(option)]
        if len(named) > 1:
            raise SettingsError(_two_keys(level))
        if named and name == "profile" and "authorization" in {each.lower() for each in headers}:
            raise SettingsError(
                f"{HEADERS_VARIABLE} has an Authorization header, which would replace {level.named(named[0])}."
                " Unset it, or use no profile."
            )
        if named:
            return _key_of(named[0], level, environ)
        if name == "flags" and any(level.get(option) is not None for option in _KEY_OPTIONS):
            return None
    return None


def _key_of(option: Option, level: _Level, environ: Mapping[str, str]) -> Secret:
    """The key from a file or a command. Raises `SettingsError`."""
    text = str(level.get(option))
    with _named(level.named(option)):
        if option.name == "key_file":
            return _checked_key(read_private(Path(os.path.expanduser(text))), "The key file")
        from auditlog_tui.settings.key_command import read_key  # late: few have one

        return _checked_key(read_key(text, environ, (KEY_VARIABLE, HEADERS_VARIABLE)), "Its output")


def _two_keys(level: _Level) -> str:
    one, other = map(level.named, _KEY_OPTIONS)
    return f"{one} and {other} both give a key: choose one."


def _checked_key(text: str, source: str) -> Secret:
    text = text.strip()
    check_key(text, source)
    return Secret(text)


def read_private(path: Path) -> str:
    """The text of a pipe (`<(pass show …)`), or of a file that only its owner can read. Raises `SettingsError`."""
    try:
        with files.opened(path, pipes=True) as file:
            found = os.fstat(file.fileno())
            others = stat.S_IMODE(found.st_mode) & 0o077 or files.belongs_to_another(found)
            if hasattr(os, "geteuid") and others:
                raise SettingsError(f"Others can read {safe(str(path))}: chmod 600 it, and replace the key in it.")
            return files.content_of(file, KEY_FILE_LIMIT, PIPE_S).decode("utf-8", "replace")
    except (OSError, ValueError) as error:  # ValueError: a path that no file can have
        reason = (error.strerror if isinstance(error, OSError) else None) or safe(str(error), 100)
        raise SettingsError(f"The key file {safe(str(path))} can't be read: {reason}.") from error


# -- the settings file ---------------------------------------------------------------------------------------------

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

LONGEST_PROFILE = 32
"""Maximum characters of a profile's name: the header always shows it."""


def check_file(file: Mapping[str, Any], path: str) -> None:
    """Raise `SettingsError` for unknown names (suggesting a near one) and for values of the wrong type."""
    _check_table(file, path, "", [*_BY_NAME, "profiles", "views"])
    profiles = file.get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(each, dict) for each in profiles.values()):
        raise SettingsError(f"{path}: profiles must be tables, each with a name: [profiles.prod].")
    for name, profile in profiles.items():
        if not _NAME.fullmatch(name) or len(name) > LONGEST_PROFILE:
            raise SettingsError(
                f"{path}: {safe(name, 60)!r} can't name a profile: letters, digits, - and _ only, at most"
                f" {LONGEST_PROFILE}."
            )
        _check_table(profile, path, f"profiles.{name}.", [*PROFILED, "views"])
    lowered = [name.lower() for name in profiles]
    if len(set(lowered)) < len(lowered):  # their files would be the same where case does not count
        raise SettingsError(f"{path}: two profiles have the same name but for upper and lower case. Rename one.")


def _check_table(table: Mapping[str, Any], path: str, within: str, names: Sequence[str]) -> None:
    """Check the options and the saved filters of a table; `within` is what a message puts before their names."""
    for name in table:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f" Did you mean {within}{near[0]}?" if near else f" There are {', '.join(names)}."
            raise SettingsError(f"{path}: there is no setting {within}{safe(name, 60)}.{hint}")
    level = _Level(table, lambda option: f"{path}: {within}{option.name}")
    for option in OPTIONS:
        if option.name in table:
            _checked(option, table[option.name], level.named(option))
    if all(table.get(option.name) for option in _KEY_OPTIONS):
        raise SettingsError(_two_keys(level))
    views = table.get("views", {})
    if not isinstance(views, dict) or not all(isinstance(text, str) for text in views.values()):
        raise SettingsError(f'{path}: {within}views must be a table of names and filters: failures = "status:>=400".')
    for name in views:
        if not _NAME.fullmatch(name):
            raise SettingsError(f"{path}: {safe(name, 60)!r} can't name a view: letters, digits, - and _ only.")
