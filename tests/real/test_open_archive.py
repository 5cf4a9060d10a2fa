"""An archive in real processes: commands and the screen over a collected folder, also while it is collected into."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import Serving, serving
from tests.opened import lasting
from tests.real import forked
from tests.real.forked import APP
from tests.real.pty_terminal import PtyTerminal, environment
from tests.real.test_offline import GUARD, guarded, sockets
from tests.unit.archive.damage import HARMS, damage

ENTRIES = 3_000
UNTIL = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with lasting(), serving(demo_log(entries=ENTRIES, until=UNTIL)) as running:
        yield running


def run(env: dict[str, str], *words: str, cwd: Path) -> tuple[int, str, str]:
    done = forked.run([*APP, *words], capture_output=True, env=env, cwd=cwd, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture(scope="module")
def collected(server: Serving, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `archive`, and what `list` writes of the same log."""
    folder = tmp_path_factory.mktemp("collected")
    env = environment(folder, NIRVANA_LABS_BASE_URL=server.url, NIRVANA_LABS_API_KEY="any")
    assert run(env, "collect", "archive", "--quiet", cwd=folder) == (0, "", "")
    status, out, _ = run(env, "list", "--format", "jsonl", cwd=folder)
    assert status == 0
    (folder / "log.jsonl").write_text(out)
    return folder


def test_commands_answer_as_the_server_did(collected: Path, server: Serving, tmp_path: Path) -> None:
    served = environment(tmp_path, NIRVANA_LABS_BASE_URL=server.url, NIRVANA_LABS_API_KEY="any")
    offline, there = environment(tmp_path), ("--from", str(collected / "archive"))
    before = {path: path.stat().st_mtime_ns for path in (collected / "archive").rglob("*")}
    ids = [json.loads(line)["id"] for line in (collected / "log.jsonl").read_text().splitlines()]
    for words in (
        ("list", "--format", "jsonl"),
        ("list", "--format", "ids", "status:>=400 sort:status"),
        ("list", "--format", "ids", "ua:/terraform/ path:/V1"),
        ("count", "method:DELETE"),
        ("count", "-actor.type:api_key"),
        ("get", ids[1_000]),
        ("who", "203.0.113.7", "--format", "json"),
    ):
        status, out, _ = run(served, *words, cwd=tmp_path)
        assert run(offline, *words, *there, cwd=tmp_path)[:2] == (status, out), words
    status, _, err = run(offline, "export", *there, "--bundle", "b.zip", "status:401", cwd=tmp_path)
    assert status == 0, err
    with zipfile.ZipFile(tmp_path / "b.zip") as bundle:
        manifest = json.loads(next(bundle.read(name) for name in bundle.namelist() if "manifest" in name))
    assert "archive" in json.dumps(manifest)
    assert run(offline, "verify", "b.zip", cwd=tmp_path)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in (collected / "archive").rglob("*")} == before


def test_the_screen_opens_it_without_key_and_network(collected: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with PtyTerminal(
        [*APP, "open", str(collected / "archive") + "/"], env=guarded(home), patch=GUARD, size=(140, 30)
    ) as terminal:
        terminal.wait_for(r" archive  COMPLETE as of .*100 of 3,000 loaded")
        terminal.send("G")
        terminal.wait_for("the archive's oldest entry")
        terminal.send("\r")
        terminal.wait_for("full record")
        terminal.send("\x11")
        assert terminal.status() == 0
    assert os.listdir(home / "tmp") == []
    assert [each for each in sockets(home) if "connect" in each or "sendto" in each] == []


def test_it_is_read_while_it_is_collected_into(server: Serving, tmp_path: Path) -> None:
    env = environment(tmp_path, NIRVANA_LABS_BASE_URL=server.url, NIRVANA_LABS_API_KEY="any")
    offline = environment(tmp_path)
    with forked.start([*APP, "collect", "archive"], env=env, cwd=tmp_path, stderr=subprocess.DEVNULL) as collecting:
        counts = []
        while collecting.poll() is None:
            if (tmp_path / "archive" / "_manifest.jsonl").exists():
                status, out, err = run(offline, "count", "--from", "archive", cwd=tmp_path)
                told = re.search(r"all of the log\. ([0-9,]+) (?:entry|entries) there match", err)
                assert (status, out) == (1, "") if told else (status, err) == (0, ""), err
                counts.append(int((told[1] if told else out).replace(",", "")))
    assert collecting.returncode == 0
    assert counts == sorted(counts)
    assert run(offline, "count", "--from", "archive", cwd=tmp_path)[:2] == (0, f"{ENTRIES}\n")


def test_what_was_changed_is_found_and_named(collected: Path, tmp_path: Path) -> None:
    env, folder = environment(tmp_path), tmp_path / "a"
    shutil.copytree(collected / "archive", folder)
    status, out, _ = run(env, "verify", "a", cwd=tmp_path)
    assert (status, out.startswith("CONSISTENT: ")) == (0, True)
    part = sorted(folder.glob("day=*/*.parquet"))[-1]
    data = bytearray(part.read_bytes())
    data[100] ^= 1
    part.write_bytes(data)
    status, out, _ = run(env, "verify", "a", cwd=tmp_path)
    assert status == 1
    assert f"- {part.relative_to(folder).as_posix()}: it was changed" in out
    part.unlink()
    status, out, err = run(env, "count", "--from", "a", cwd=tmp_path)
    assert (status, out) == (1, "")
    assert f"entries of {part.parent.name.removeprefix('day=')} are lacking" in err
    status, _, err = run(env, "get", "none", "--from", "a", cwd=tmp_path)
    assert (status, "It is incomplete: 1 part is missing or was changed" in err) == (3, True)


@pytest.mark.parametrize("kind", HARMS)
def test_a_listing_goes_on_without_a_damaged_part_and_names_it(kind: str, collected: Path, tmp_path: Path) -> None:
    env, folder = environment(tmp_path), tmp_path / "a"
    shutil.copytree(collected / "archive", folder)
    parts = sorted(folder.glob("day=*/*.parquet"))
    damage(parts[len(parts) // 2], kind)
    name = parts[len(parts) // 2].relative_to(folder).as_posix()
    status, out, err = run(env, "list", "--format", "jsonl", "--from", "a", cwd=tmp_path)
    lines = (collected / "log.jsonl").read_text().splitlines()
    assert out.splitlines() == [line for line in lines if f'"created_at":"{name[4:14]}' not in line]
    assert 0 < len(out.splitlines()) < ENTRIES
    assert (status, f"entries of {name[4:14]} are lacking: restore {name}" in err) == (1, True)
    assert "DuckDB" not in err


def test_every_command_that_reads_a_damaged_part_says_so(collected: Path, tmp_path: Path) -> None:
    env, folder = environment(tmp_path), tmp_path / "a"
    shutil.copytree(collected / "archive", folder)
    parts = sorted(folder.glob("day=*/*.parquet"))
    damage(parts[len(parts) // 2], "middle")
    name = parts[len(parts) // 2].relative_to(folder).as_posix()
    entries = map(json.loads, (collected / "log.jsonl").read_text().splitlines())
    actor = next(entry["actor"]["id"] for entry in entries if entry["created_at"].startswith(name[4:14]))
    for words, expected in (
        (("count", "path:v1"), 1),
        (("get", "none"), 3),
        (("who", actor), 1),
        (("who", "of-no-such-name"), 1),
        (("export", "--out", "a.csv", "--incomplete"), 1),
        (("list", "path:nowhere"), 1),
    ):
        status, out, err = run(env, *words, "--from", "a", cwd=tmp_path)
        told = " ".join((out + err).split())
        assert (status, f"restore {name} (auditlog-tui verify" in told) == (expected, True), (words, told)
    assert (tmp_path / "a.incomplete.csv").exists()


@pytest.fixture
def of_another_user(collected: Path, tmp_path: Path) -> Iterator[Path]:
    """An archive of another user on a file system that nothing can be written to."""
    place = tmp_path / "media"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o"]
    if os.geteuid() or subprocess.run([*mount, "size=100m", "tmpfs", str(place)]).returncode:
        pytest.skip("file systems can't be mounted here")
    try:
        shutil.copytree(collected / "archive", place / "archive")
        for path in (place / "archive", *(place / "archive").rglob("*")):
            os.chown(path, 65534, 65534)
        subprocess.run([*mount, "remount,ro", "tmpfs", str(place)], check=True)
        yield place / "archive"
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_an_archive_of_another_user_is_verified_where_nothing_can_be_written(
    of_another_user: Path, tmp_path: Path
) -> None:
    with pytest.raises(OSError, match="Read-only"):
        (of_another_user / "more").touch()
    for words in (["verify", "media/archive"], ["collect", "media/archive", "--verify"]):
        status, out, err = run(environment(tmp_path), *words, cwd=tmp_path)
        assert (status, out.partition(":")[0], err) == (0, "CONSISTENT", "")


def test_verify_tells_what_can_not_be_read_from_what_was_changed(collected: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    shutil.copytree(collected / "archive", folder)
    manifest = folder / "_manifest.jsonl"
    lines = manifest.read_bytes()
    manifest.write_bytes(lines.replace(b'"rows":', b'"rows": ', 1))
    status, out, _ = run(environment(tmp_path), "verify", "a", cwd=tmp_path)
    assert (status, "- _manifest.jsonl: line 3 does not follow the one before" in out) == (1, True)
    manifest.write_bytes(b"{}\n" + lines)
    assert run(environment(tmp_path), "verify", "a", cwd=tmp_path)[0] == 2
    manifest.unlink()
    manifest.mkdir()
    status, out, err = run(environment(tmp_path), "verify", "a", cwd=tmp_path)
    assert (status, out, "can't be read" in err) == (2, "", True)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    env = environment(tmp_path)
    (tmp_path / "empty").mkdir()
    for words in (("count", "--from", "empty"), ("verify", "empty")):
        status, out, err = run(env, *words, cwd=tmp_path)
        assert (status, out) == (2, "")
        assert "is no archive: it has no _manifest.jsonl" in err
    assert run(env, "verify", "empty", "--manifest", "0" * 64, cwd=tmp_path)[0] == 2
    with PtyTerminal([*APP, "open", str(tmp_path / "empty")], env=env) as terminal:
        assert terminal.status() == 2
        assert b"\x1b[?1049h" not in terminal.raw
    assert os.listdir(tmp_path / "empty") == []
