"""What the user has set, from flags, the environment and the settings file, in that order, as one frozen object."""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from auditlog_tui.errors import NoKeyError, SettingsError
from auditlog_tui.output import files
from auditlog_tui.settings.proxy import proxy_for
from auditlog_tui.text.safe import safe
from auditlog_tui.text.zones import read_zone

KEY_VARIABLE = "NIRVANA_LABS_API_KEY"
HEADERS_VARIABLE = "NIRVANA_LABS_CUSTOM_HEADERS"
DEFAULT_BASE_URL = "https://api.nirvanalabs.io"

NO_KEY = f"""\
auditlog-tui needs an API key to read your organization's audit log.

  1. In the Nirvana Labs dashboard, under API keys, make a key that has read permission on audit_log, nothing more.
  2. Give it to auditlog-tui in the environment:   export {KEY_VARIABLE}=…
     or in a file that only you can read:          auditlog-tui --key-file FILE

To look around without a key, on a made-up log:    auditlog-tui --demo"""


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: its flag is `--name`, `variable` its environment variable, `name` its key in the file."""

    name: str
    variable: str
    default: str
    help: str
    choices: tuple[str, ...] = ()
    metavar: str = ""

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


OPTIONS: tuple[Option, ...] = (
    Option(
        "base_url",
        "NIRVANA_LABS_BASE_URL",
        DEFAULT_BASE_URL,
        "the API's address: https, or http on this machine",
        metavar="URL",
    ),
    Option("key_file", "AUDITLOG_TUI_KEY_FILE", "", "a file with the API key that only you can read", metavar="FILE"),
    Option(
        "zone",
        "AUDITLOG_TUI_ZONE",
        "utc",
        "how times are shown: utc, local, relative, or in a zone such as America/Los_Angeles",
        metavar="ZONE",
    ),
    Option("theme", "AUDITLOG_TUI_THEME", "textual-dark", "colours: one of Textual's themes", metavar="NAME"),
    Option(
        "columns",
        "AUDITLOG_TUI_COLUMNS",
        "",
        "columns after time and action, with commas between; all if empty",
        metavar="NAMES",
    ),
    Option(
        "trust_env",
        "AUDITLOG_TUI_TRUST_ENV",
        "no",
        "use the proxy of the environment (HTTPS_PROXY), which then sees to whom you talk",
        ("yes", "no"),
    ),
    Option(
        "scroll",
        "AUDITLOG_TUI_SCROLL",
        "terminal",
        "how the table scrolls: terminal moves the lines in the terminal, redraw sends every line",
        ("terminal", "redraw"),
    ),
)


class Secret:
    """A text that shows itself to nobody who does not ask by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not to be written anywhere")


@dataclass(frozen=True, slots=True)
class Settings:
    """`headers` are sent with every request; their values may be secrets too. `views` are saved filters by name."""

    base_url: str = DEFAULT_BASE_URL
    key: Secret | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    zone: str = "utc"
    theme: str = "textual-dark"
    columns: str = ""
    trust_env: bool = False
    scroll: str = "terminal"
    demo: bool = False
    views: Mapping[str, str] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        """What the header calls the source, and the proxy on the way to it."""
        if self.demo:
            return "demo"
        proxy = proxy_for(self.base_url) if self.trust_env else None
        return urlsplit(self.base_url).netloc + (f" via proxy {proxy.name}" if proxy is not None else "")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that must never be shown."""
        values = [value for value in self.headers.values() if len(value) >= 8]
        return (*((self.key.reveal(),) if self.key else ()), *values)


def load(
    flags: Mapping[str, str | None], environ: Mapping[str, str], file: Mapping[str, Any], *, demo: bool
) -> Settings:
    """The settings; `flags` by option name (`None`: not given), `file` the settings file's content.

    Raises `SettingsError`, and `NoKeyError` where there is none and it is not the demo. The file's own mistakes are
    found by `check_file`.
    """
    chosen = {option.name: _chosen(option, flags, environ, file) for option in OPTIONS}
    headers = {} if demo else read_headers(environ.get(HEADERS_VARIABLE, ""))
    key = None if demo else _key(flags, environ, chosen["key_file"])
    base_url = check_base_url(chosen["base_url"])
    if not demo:
        if key is None and "authorization" not in {name.lower() for name in headers}:
            raise NoKeyError(NO_KEY)
        _check_secrecy(base_url)
    return Settings(
        base_url=base_url,
        key=key,
        headers=headers,
        zone=chosen["zone"],
        theme=chosen["theme"],
        columns=chosen["columns"],
        trust_env=chosen["trust_env"] == "yes",
        scroll=chosen["scroll"],
        demo=demo,
        views=dict(file.get("views", {})),
    )


def _chosen(
    option: Option, flags: Mapping[str, str | None], environ: Mapping[str, str], file: Mapping[str, Any]
) -> str:
    flag = flags.get(option.name)
    sources = (
        (flag, option.flag),
        (environ.get(option.variable) or None, option.variable),
        (file.get(option.name), option.name),
    )
    for value, source in sources:
        if value is not None:
            _check_choice(option, value, source)
            return value
    return option.default


def _check_choice(option: Option, value: object, source: str) -> None:
    if not isinstance(value, str) or (option.choices and value not in option.choices):
        able = " or ".join(option.choices) or "a text"
        raise SettingsError(f"{source} is {safe(str(value), 60)!r}; it must be {able}.")
    if option.name == "zone":
        try:
            read_zone(value)
        except SettingsError as error:
            raise SettingsError(f"{source}: {error}") from error


# -- the key -------------------------------------------------------------------------------------------------------

KEY_FILE_LIMIT = 100_000
"""Bytes that a key file may have."""

PIPE_S = 60.0
"""Seconds that a program may take to write the key into a pipe; it may ask for a passphrase first."""

_VISIBLE = re.compile(r"[!-~]+")


def _key(flags: Mapping[str, str | None], environ: Mapping[str, str], key_file: str) -> Secret | None:
    """A file named by a flag goes first, then the variable with the key itself, then a file named elsewhere."""
    if flags.get("key_file") is None and environ.get(KEY_VARIABLE, "").strip():
        return _checked_key(environ[KEY_VARIABLE], KEY_VARIABLE)
    return _checked_key(read_private(Path(os.path.expanduser(key_file))), "The key file") if key_file else None


def _checked_key(text: str, source: str) -> Secret:
    text = text.strip()
    if not _VISIBLE.fullmatch(text):
        raise SettingsError(f"{source} holds no API key: one line of visible ASCII characters, without spaces.")
    return Secret(text)


def read_private(path: Path) -> str:
    """The text of a file that only its owner can read, or of a pipe: `<(pass show …)`. Raises `SettingsError`."""
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


# -- the address ---------------------------------------------------------------------------------------------------


_BASE_URL = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]+)?(/[!-~]*)?", re.IGNORECASE)


def check_base_url(url: str) -> str:
    """The URL as `without_endpoint` returns it. Raises `SettingsError` for what can't be the API's address."""
    url = url.strip()
    if "@" in url:  # a user name, and most often a password: not to be shown
        raise SettingsError(f"A base URL has no user name, password or @ in it. Write it like {DEFAULT_BASE_URL}.")
    try:
        parts = urlsplit(url)
        valid = _BASE_URL.fullmatch(url) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid or "?" in url or "#" in url:
        raise SettingsError(f"{safe(url, 100)!r} is no base URL. Write it like {DEFAULT_BASE_URL}.")
    return without_endpoint(url)


_ENDPOINT = re.compile(r"(/+v1(/+audit_logs)?)?/*$")


def without_endpoint(url: str) -> str:
    """The base URL without a slash at its end, and without the endpoint's path (`/v1`), which people write too."""
    return _ENDPOINT.sub("", url)


def _check_secrecy(base_url: str) -> None:
    parts = urlsplit(base_url)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise SettingsError(f"{base_url} is not encrypted: your key would be readable on its way. Use https.")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# -- headers -------------------------------------------------------------------------------------------------------

_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([ -~\t]*)")


def read_headers(text: str) -> dict[str, str]:
    """The headers in lines of `Name: value`. Raises `SettingsError`, which never shows a value."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = _HEADER.fullmatch(line.strip())
        if match is None:
            raise SettingsError(
                f"Line {number} of {HEADERS_VARIABLE} is no header. Write Name: value, one on a line."
            )
        found[match[1]] = match[2].strip()
    return found


# -- the settings file ---------------------------------------------------------------------------------------------

_VIEW_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def check_file(file: Mapping[str, Any], path: str) -> None:
    """Raise `SettingsError` for a name that there is not (saying which was meant) and for values of a wrong kind."""
    names = [*(option.name for option in OPTIONS), "views"]
    for name in file:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f" Did you mean {near[0]}?" if near else f" There are {', '.join(names)}."
            raise SettingsError(f"{path}: there is no setting {safe(name, 60)}.{hint}")
    for option in OPTIONS:
        if option.name in file:
            _check_choice(option, file[option.name], f"{path}: {option.name}")
    views = file.get("views", {})
    if not isinstance(views, dict) or not all(isinstance(text, str) for text in views.values()):
        raise SettingsError(f'{path}: views must be a table of names and filters: failures = "status:>=400".')
    for name in views:
        if not _VIEW_NAME.fullmatch(name):
            raise SettingsError(f"{path}: {safe(name, 60)!r} can't name a view: letters, digits, - and _ only.")
