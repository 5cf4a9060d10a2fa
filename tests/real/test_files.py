"""The user's files on a disk that is really full, and paths that are not ordinary files."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from auditlog_tui.entries.models import read_entry
from auditlog_tui.errors import ClipboardError, SettingsError, StoreError
from auditlog_tui.output import files
from auditlog_tui.session.filter_history import History
from auditlog_tui.session.marks import Marks
from auditlog_tui.settings.file import read_config, save_option, save_view, write_beginning
from tests.effort import HANGS_S
from tests.real import forked
from tests.real.forked import APP
from tests.real.pty_terminal import PtyTerminal, environment
from tests.unit.output.desk import Desk

KEY = "nirvana-key-0123456789abcdef"
HUNDRED = "".join(f'v{number} = "path:/a/{number:0100}"\n' for number in range(100))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount") or "mount"
    command = [mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if not shutil.which(mount) or subprocess.run(command, check=False).returncode:
        pytest.skip("no disk of its own can be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def fill(disk: Path, *, leaving: int = 0) -> None:
    """Use up all space but this many bytes."""
    spare = disk / "spare"
    spare.write_bytes(b"x" * leaving)
    with suppress(OSError), (disk / "rest").open("wb", buffering=0) as rest:
        while True:
            rest.write(b"x" * 4096)
    spare.unlink()


@pytest.mark.parametrize("leaving", [0, 4096])
def test_a_view_saved_on_a_full_disk_leaves_the_settings_as_they_were(small: Path, leaving: int) -> None:
    path = small / "config.toml"
    path.write_text(f"[views]\n{HUNDRED}")
    before = path.read_bytes()
    fill(small, leaving=leaving)
    with pytest.raises(SettingsError, match="No space left"):
        save_view(path, "mine", "status:403")
    with pytest.raises(SettingsError, match="No space left"):
        save_option(path, "zone", "local")
    assert path.read_bytes() == before
    assert sorted(os.listdir(small)) == ["config.toml", "rest"]
    (small / "rest").unlink()
    save_view(path, "mine", "status:403")
    assert read_config(path)["views"]["mine"] == "status:403"


def test_on_a_full_disk_no_half_of_a_file_is_made(small: Path) -> None:
    fill(small)
    with pytest.raises(SettingsError, match="No space left"):
        write_beginning(small / "config.toml")
    assert os.listdir(small) == ["rest"]


def test_a_filter_that_did_not_fit_leaves_the_others_whole(small: Path) -> None:
    path = small / "history"
    history = History(path)
    history.add("path:/" + "a" * 4080)
    before = path.read_bytes()
    fill(small)
    history.add("path:/" + "b" * 100)
    assert "No space left" in history.error
    assert path.read_bytes() == before
    (small / "rest").unlink()
    history.add("status:403")
    assert History(path).texts == ["path:/" + "a" * 4080, "status:403"]


def test_a_history_that_can_not_be_shortened_is_kept(small: Path) -> None:
    path = small / "history"
    path.write_text("".join(f"path:/{number:090}\n" for number in range(1_100)))
    before = path.read_bytes()
    fill(small)
    history = History(path)
    assert "No space left" in history.error
    assert path.read_bytes() == before


def test_a_mark_on_a_full_disk_is_told_with_its_remedy(small: Path) -> None:
    marks = Marks(small / "marks.sqlite3")
    fill(small)
    with pytest.raises(StoreError, match=r"Kept for this run, not saved .*full.*Make room"):
        marks.note(read_entry('{"id": "a"}'), "typed")
    (small / "rest").unlink()
    marks.mark([read_entry('{"id": "b"}')])
    assert Marks(small / "marks.sqlite3").note_of("a") == "typed"


async def test_a_copy_on_a_full_disk_leaves_no_half_of_a_file(small: Path, tmp_path: Path) -> None:
    (tmp_path / "desk").mkdir()
    desk = Desk(tmp_path / "desk")
    desk.files = small
    fill(small)
    with pytest.raises(ClipboardError, match="No space left"):
        await desk.copy("x" * 100_000)
    assert os.listdir(small) == ["rest"]


# -- paths that are not ordinary files -----------------------------------------------------------------------------


def config_of(home: Path) -> Path:
    path = home / ".config" / "auditlog-tui" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def run(home: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    command = [*forked.APP, *arguments]
    env = environment(home, **more)
    return forked.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("pipe", "a named pipe"),
        ("device", "a device"),
        ("folder", "a folder"),
        ("link to a pipe", "a named pipe"),
        ("huge", "larger than"),
    ],
)
def test_a_settings_file_that_is_none_is_told_of_at_once(kind: str, said: str, tmp_path: Path) -> None:
    path = config_of(tmp_path)
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "link to a pipe":
            os.mkfifo(tmp_path / "pipe")
            path.symlink_to(tmp_path / "pipe")
        case _:
            with path.open("wb") as file:
                file.truncate(10 * 2**30)
    done = run(tmp_path, "count", "--demo")
    assert (done.returncode, done.stdout) == (2, "")
    assert "config.toml can't be read" in done.stderr
    assert said in done.stderr


@pytest.mark.parametrize("kind", ["device", "folder", "huge", "pipe"])
def test_a_key_file_that_is_none_is_told_of_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    match kind:
        case "device":
            path = Path("/dev/zero")
        case "folder":
            path.mkdir(mode=0o700)
        case "pipe":
            os.mkfifo(path, 0o600)
        case _:
            path.touch(0o600)
            os.truncate(path, 10 * 2**30)
    done = run(tmp_path, "count", "--key-file", str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "key file" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_can_come_out_of_a_program(tmp_path: Path) -> None:
    line = (
        f"{sys.executable} -m auditlog_tui count --key-file <(sleep 0.3; echo {KEY}) --base-url https://127.0.0.1:1"
    )
    done = subprocess.run(
        ["bash", "-c", line], env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3, done.stderr  # the key was accepted, and a request was tried


@pytest.mark.parametrize("name", ["history", "marks"])
@pytest.mark.parametrize("kind", ["pipe", "another's"])
def test_private_files_that_are_none_are_told_of_on_the_screen(name: str, kind: str, tmp_path: Path) -> None:
    state = tmp_path / ".local" / "state" / "auditlog-tui"
    state.mkdir(parents=True)
    url = "https://127.0.0.1:1"
    from auditlog_tui.session.marks import marks_path

    path = state / ("history" if name == "history" else marks_path(url).name)
    if kind == "pipe":
        os.mkfifo(path)
    elif os.geteuid():
        pytest.skip("only root gives files away")
    else:
        path.touch(0o600)
        os.chown(path, 12_345, 12_345)
    said = {"pipe": "ordinary file", "another's": "belongs to another user"}[kind]
    env = environment(tmp_path, NIRVANA_LABS_API_KEY=KEY, NIRVANA_LABS_BASE_URL=url)
    with PtyTerminal(APP, env=env, size=(200, 30)) as terminal:
        terminal.wait_for(said)
        terminal.send("q")
        assert terminal.status() == 0


# -- links, modes, concurrent writers ------------------------------------------------------------------------------


def test_a_link_stays_a_link_and_modes_stay(tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "config.toml"
    target.parent.mkdir()
    target.write_text("# mine\n")
    target.chmod(0o640)
    path = config_of(tmp_path)
    path.symlink_to(target)
    save_view(path, "mine", "status:403")
    assert path.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert target.read_text().startswith("# mine\n")
    assert tomllib.loads(target.read_text())["views"] == {"mine": "status:403"}
    assert os.listdir(target.parent) == ["config.toml"]


def test_a_link_to_nothing_yet_makes_what_it_points_to(tmp_path: Path) -> None:
    path = config_of(tmp_path)
    path.symlink_to(tmp_path / "new" / "config.toml")
    save_option(path, "zone", "local")
    assert path.is_symlink()
    assert read_config(path) == {"zone": "local"}
    assert (tmp_path / "new" / "config.toml").stat().st_mode & 0o777 == 0o600


SAVE = """
import sys
from pathlib import Path
from auditlog_tui.output import files
from auditlog_tui.settings.file import save_view
from auditlog_tui.session.filter_history import History
files.LOCK_S = 60.0  # on a busy machine, the other may hold the folder for longer than a user waits
for number in range(20):
    save_view(Path(sys.argv[1]), f"{sys.argv[3]}{number}", "status:403")
    History(Path(sys.argv[2])).add(f"{sys.argv[3]}{number}")
"""


def test_two_runs_that_save_at_once_lose_nothing(tmp_path: Path) -> None:
    config, history = config_of(tmp_path), tmp_path / "history"
    arguments = [sys.executable, "-c", SAVE, str(config), str(history)]
    runs = [subprocess.Popen([*arguments, name], env=environment(tmp_path)) for name in "ab"]
    assert [each.wait(HANGS_S) for each in runs] == [0, 0]
    wanted = {f"{name}{number}" for name in "ab" for number in range(20)}
    assert read_config(config)["views"].keys() == wanted
    assert set(History(history).texts) == wanted


KILLED = """
import os, signal, sys
from pathlib import Path
from auditlog_tui.session.filter_history import History
from auditlog_tui.settings.file import save_option
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "settings":
    save_option(Path(sys.argv[2]), "zone", "local")
History(Path(sys.argv[2]))
"""


@pytest.mark.parametrize("name", ["settings", "history"])
def test_what_a_killed_process_left_is_removed_by_the_next_that_writes_there(name: str, tmp_path: Path) -> None:
    path = config_of(tmp_path)
    path.write_text("# mine\n" * 1_001)
    fresh = path.with_name(f".other.{'0' * 12}.tmp")
    fresh.touch()
    run = [sys.executable, "-c", KILLED, name, str(path)]
    for _ in range(2):
        assert subprocess.run(run, env=environment(tmp_path), check=False).returncode == -signal.SIGKILL
        assert len(os.listdir(path.parent)) == 3  # one leftover, however many were killed
    if name == "settings":
        save_option(path, "zone", "local")
    else:
        History(path)
    assert {*path.parent.iterdir()} == {path, fresh}


def test_without_locks_the_files_of_another_that_is_writing_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    path = config_of(tmp_path)
    fresh = path.with_name(f".{path.name}.{'0' * 12}.tmp")
    fresh.touch()
    save_option(path, "zone", "local")
    assert {*path.parent.iterdir()} == {path, fresh}


def test_one_that_holds_the_folder_for_long_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOCK_S", 0.05)
    path = config_of(tmp_path)
    with files.locked(path.parent), pytest.raises(SettingsError, match="Another auditlog-tui is writing"):
        save_option(path, "zone", "local")
    save_option(path, "zone", "local")


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_name_that_is_free_is_given_and_one_that_is_taken_stays(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    if not links:
        monkeypatch.setattr("os.link", refuse)
    temporary, taken = tmp_path / "new", tmp_path / "taken"
    temporary.write_text("whole")
    taken.write_text("precious")
    with pytest.raises(FileExistsError):
        files.publish(temporary, taken)
    assert (temporary.read_text(), taken.read_text()) == ("whole", "precious")
    files.publish(temporary, tmp_path / "free")
    assert (tmp_path / "free").read_text() == "whole"
    assert temporary.exists() == links


def test_what_is_not_there_gets_no_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.publish(tmp_path / "nothing", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
