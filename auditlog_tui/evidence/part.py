"""The part of an export that is not finished: what has arrived, beside the file that it will be.

`PATH.part` has a line of JSON for each version of each entry, in the order in which they arrived. `PATH.part.state`
says which export it is, and after each page how much of the part is whole, with the SHA-256 of that. So a process
that is killed at any point leaves a part that the next one can check and go on with: what follows the last page that
is noted is cut off, as it arrives again. Before a file gets its name, the state says what it is.

Each line of the state ends with a digest of itself and of the lines before: a state that was edited is refused. That
is no protection against somebody who computes the digests again.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from io import SEEK_END, FileIO
from itertools import islice
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from auditlog_tui.errors import ExportError, ExportRefusedError
from auditlog_tui.output import files
from auditlog_tui.output.files import shown, write_all
from auditlog_tui.text.safe import safe

SUFFIX, STATE_SUFFIX = ".part", ".part.state"

MOVE_AWAY = "Move it away to begin anew."

_HEAD = b"auditlog-tui part 2 "
"""The beginning of a state."""

_BLOCK = 1024 * 1024
_STATE_LIMIT = 64 * 1024 * 1024

MOST_EARLIER = 3
"""Earlier exports offered of one folder."""

_MOST_LOOKED_AT = 10_000
"""Names of a folder among which they are looked for."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which export a part belongs to, as far as another run of it has to know.

    `query` is the filter as typed, `zone` the time zone that it is read in, if that matters. `frozen` is the query
    with the absolute times of the first run. `ignored` are the parameters that the server ignores. `content` is that
    of `Origin`, empty for an API. `marks` is a digest of the marks and notes that the query is about, empty for none.
    """

    query: str
    zone: str
    endpoint: str
    form: str
    context_us: int
    frozen: str
    ignored: tuple[str, ...] = ()
    profile: str = ""
    content: str = ""
    marks: str = ""

    def is_of(self, endpoint: str, content: str, profile: str) -> bool:
        """Whether it is an export of this log: two profiles' logs may differ at one endpoint."""
        return (self.endpoint, self.content, self.profile) == (endpoint, content, profile)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a part is whole, and what the log has said up to there.

    `size` is in bytes. `total`, `as_of_us` and `requests` are those of `Statement`. `pages` were read.
    """

    size: int = 0
    sha256: str = hashlib.sha256().hexdigest()
    lines: int = 0
    total: int | None = None
    as_of_us: int | None = None
    requests: int = 0
    pages: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """The file that a part became: its verdict, its size in bytes and the SHA-256 of its content."""

    verdict: str
    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path, verdict: str) -> Self:
        """Raises `OSError`."""
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return cls(verdict, file.tell(), digest)

    def is_at(self, path: Path) -> bool:
        """Whether the file at this path is that one."""
        try:
            found = path.lstat()
            alike = stat.S_ISREG(found.st_mode) and found.st_size == self.size
            return alike and Finished.of(path, self.verdict) == self
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class _State:
    """What a state says: `read` bytes of it are its plan and the pages noted, and `seal` is the last digest there.

    `plan` is `None` if there is none that can be read. `changed` says that a line is not what was written.
    """

    plan: Plan | None = None
    at: Checkpoint = Checkpoint()
    finished: Finished | None = None
    read: int = 0
    seal: bytes = b""
    changed: bool = False


class Part:
    """The part of the export to `path`, held by this process alone while the block runs.

    `plan` is that of an earlier run to go on with, `None` if there is none; call `begin` then. `at` is how far the
    part goes. Raises `ExportRefusedError` where there is something else, and `ExportError` where it can't be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.parent / (path.name + SUFFIX)
        self.plan: Plan | None = None
        self.at = Checkpoint()
        self._state_path = path.parent / (path.name + STATE_SUFFIX)
        self._state_size = 0
        self._seal = b""
        self._digest = hashlib.sha256()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._file = self._hold(self.path)
            self._state = self._hold(self._state_path)
            self._find_earlier()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Release the part. One in which nothing is noted is removed."""
        if not self.at.size:
            self.remove()
        self._close()

    def _close(self) -> None:
        with suppress(OSError):
            self._stack.close()

    def _hold(self, path: Path) -> FileIO:
        try:
            return self._stack.enter_context(files.held(path))
        except BlockingIOError as error:
            raise ExportRefusedError(
                f"{error.strerror}: {shown(path)}. Wait for it, or write to another file."
            ) from error
        except OSError as error:
            if not (folder := self.path.parent).is_dir():
                raise ExportRefusedError(
                    f"There is no folder {shown(folder)}. Make it, or choose another file."
                ) from error
            raise ExportRefusedError(
                f"The export can't be written to {shown(path)}: {error.strerror}. Choose another file."
            ) from error

    # -- an earlier run ----------------------------------------------------------------------------------------

    def _find_earlier(self) -> None:
        size = self._file.seek(0, SEEK_END)
        self._state.seek(0)
        text = self._state.readall()
        state = _read_state(text, size)
        if state.changed:
            raise ExportRefusedError(
                f"{shown(self._state_path)} was changed since it was written, so the export can't go on. {MOVE_AWAY}"
            )
        if state.plan is None:
            self._refuse_others(size, text)
            return
        self.at, self._state_size, self._seal = state.at, state.read, state.seal
        self.plan = state.plan if state.at.size else None

    def _refuse_others(self, size: int, state: bytes) -> None:
        """Raise `ExportRefusedError` unless the files are those of a run that ended before anything arrived."""
        for path, ours in ((self.path, not size), (self._state_path, _HEAD.startswith(state[: len(_HEAD)]))):
            if not ours:
                raise ExportRefusedError(
                    f"{shown(path)} is no export that can go on. Move it away, or write to another file."
                )

    def lines(self) -> Iterator[list[bytes]]:
        """The lines of the earlier run, some at a time; the part goes on after the last.

        Raises `ExportRefusedError` at the end if they are not those that were noted, and `ExportError`.
        """
        yield from self.written()
        with self._reporting():
            self._file.truncate(self.at.size)
            self._state.truncate(self._state_size)
            self._state.seek(self._state_size)

    def written(self) -> Iterator[list[bytes]]:
        """All lines that are noted, some at a time.

        Raises `ExportRefusedError` at the end if they are not those that were noted, and `ExportError`.
        """
        left, rest, digest = self.at.size, b"", hashlib.sha256()
        with self._reporting():
            self._file.seek(0)
            while left:
                block = self._file.read(min(_BLOCK, left))
                if not block:
                    break
                left -= len(block)
                digest.update(block)
                *lines, rest = (rest + block).split(b"\n")
                yield lines
            if rest or digest.hexdigest() != self.at.sha256:
                raise ExportRefusedError(
                    f"{shown(self.path)} was changed since it was written, so the export can't go on. {MOVE_AWAY}"
                )
        self._digest = digest

    # -- writing -----------------------------------------------------------------------------------------------

    def begin(self, plan: Plan) -> None:
        """Begin anew: nothing has arrived. Raises `ExportError`."""
        self.plan, self.at, self._digest = plan, Checkpoint(), hashlib.sha256()
        with self._reporting():
            self._file.truncate(0)
            self._state.truncate(0)
            self._state.seek(0)
            self._seal = b""
            self._note(_HEAD + msgspec.json.encode(plan))

    def append(self, data: bytes, at: Checkpoint) -> None:
        """Add lines that arrived, and note how far the part goes then: `at`, whose size and digest are set here.

        Raises `ExportError`; the part then still goes as far as it did.
        """
        digest = self._digest.copy()
        digest.update(data)
        at = replace(at, size=self.at.size + len(data), sha256=digest.hexdigest())
        with self._reporting():
            self._file.seek(self.at.size)
            write_all(self._file, data)
            self._note(msgspec.json.encode(at))
        self._digest, self.at = digest, at

    def finish(self, finished: Finished) -> None:
        """Note what the file is that gets its name next, on the disk. Raises `ExportError`."""
        with self._reporting():
            self._note(msgspec.json.encode(finished))
            os.fsync(self._state.fileno())

    def _note(self, text: bytes) -> None:
        """Add a line to the state. Raises `OSError`."""
        seal = _seal(self._seal, text)
        write_all(self._state, text + b" " + seal + b"\n")
        self._seal = seal

    def sync(self) -> None:
        """Return once what was written is on the disk. Raises `ExportError`."""
        with self._reporting():
            os.fsync(self._file.fileno())

    def remove(self) -> None:
        """Remove the part, whose entries are in another file or worth nothing."""
        for path in (self._state_path, self.path):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        self.at = Checkpoint()

    def _reporting(self) -> Reporting:
        return Reporting(self.path)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier run of an export to `out` left: which export it is, and how far it came."""

    out: Path
    plan: Plan
    at: Checkpoint


def earlier(out: Path) -> Earlier | None:
    """What an earlier run of an export to `out` left to go on with; `None` if there is nothing of this kind."""
    state = _state_of(out)
    return Earlier(out, state.plan, state.at) if state.plan is not None and state.at.size else None


def finished(out: Path) -> Finished | None:
    """What an earlier run noted of the file that it gave a name; `None` if it did not come so far."""
    return _state_of(out).finished


def earlier_in(folder: Path, endpoint: str, content: str = "", profile: str = "") -> list[Earlier]:
    """What earlier exports of this log left in a folder, the newest first, at most `MOST_EARLIER`.

    The log is named as in `Plan`.
    """
    try:
        with os.scandir(folder) as found:
            files_there = [each for each in islice(found, _MOST_LOOKED_AT) if each.name.endswith(STATE_SUFFIX)]
        states = [(each.stat(follow_symlinks=False).st_mtime, each.name) for each in files_there]
    except OSError:
        return []
    parts = (earlier(folder / name.removesuffix(STATE_SUFFIX)) for _, name in sorted(states, reverse=True))
    ours = (each for each in parts if each is not None and each.plan.is_of(endpoint, content, profile))
    return list(islice(ours, MOST_EARLIER))


class Reporting:
    """Turns an `OSError` of the block into an `ExportError` about a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OSError):
            why = error.strerror or str(error)
            raise ExportError(f"{shown(self._path)} can't be written: {safe(why)}.") from error


_T = TypeVar("_T")


def _read(kind: type[_T], line: bytes) -> _T | None:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.MsgspecError:
        return None


def _state_of(out: Path) -> _State:
    """The state beside a file, without holding it; an empty one if it can't be read."""
    part, state = (out.parent / (out.name + suffix) for suffix in (SUFFIX, STATE_SUFFIX))
    try:
        return _read_state(files.read(state, _STATE_LIMIT, private=True), part.lstat().st_size)
    except (OSError, ValueError):
        return _State()


def _read_state(text: bytes, size: int) -> _State:
    """What a state says of a part of this size. The last line may be cut off, where a process was killed."""
    if not text.startswith(_HEAD):
        return _State()
    state = _State()
    for line in text.splitlines(keepends=True):
        said, _, seal = line.removesuffix(b"\n").rpartition(b" ")
        if not line.endswith(b"\n"):
            break
        if seal != _seal(state.seal, said):
            return _State(changed=True)
        read, point = state.read + len(line), _read(Checkpoint, said)
        if not state.read:
            if (plan := _read(Plan, said.removeprefix(_HEAD))) is None:
                break
            state = _State(plan, read=read, seal=seal)
        elif (end := _read(Finished, said)) is not None:
            return replace(state, finished=end)
        elif point is None or not state.at.size < point.size <= size:
            break
        else:
            state = replace(state, at=point, read=read, seal=seal)
    return state


def _seal(before: bytes, text: bytes) -> bytes:
    return hashlib.sha256(before + text).hexdigest().encode()
