"""`verify` from its command line to its status and what it writes."""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from auditlog_tui import __version__, cli
from auditlog_tui.evidence.bundle import MANIFEST
from tests.unit.evidence.bundles import NOTES, REASON, content_of, forged, line, made, members, rewritten, statement

LINES = [line(n) for n in range(120)]

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs `verify` in a folder of its own, with settings that nothing could be done with."""
    (tmp_path / "config.toml").write_text("not = [toml")
    monkeypatch.setattr(cli, "config_path", lambda: tmp_path / "config.toml")
    monkeypatch.delenv("NIRVANA_LABS_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(["verify", *arguments])
        said = capfd.readouterr()
        return int(status), said.out, said.err

    return run


@pytest.fixture
def bundle(tmp_path: Path) -> bytes:
    data = made(tmp_path, LINES)
    (tmp_path / "incident.zip").write_bytes(data)
    return data


def digest(data: bytes) -> str:
    return sha256(members(data)[MANIFEST]).hexdigest()


@pytest.mark.parametrize(
    ("stated", "scope"),
    [
        ({"frozen": "marked:yes"}, "all 120 entries that were marked"),
        ({"frozen": "marked:yes method:GET"}, "all 120 entries that were marked and match the query"),
        ({"frozen": "tag:inc42", "picked": "noted"}, "all 120 entries that were noted and match the query"),
        (
            {"frozen": "marked:yes", "context_us": 1_000_000},
            "all that were marked, and what surrounds them: 120 entries",
        ),
    ],
)
def test_that_of_what_was_picked_says_what_is_complete(
    command: Command, tmp_path: Path, stated: dict[str, Any], scope: str
) -> None:
    given = {"picked": "marked", **stated}
    (tmp_path / "incident.zip").write_bytes(made(tmp_path, LINES, stated=statement(120, **given)))
    _, out, _ = command("incident.zip")
    assert f"COMPLETE as of 2027-01-15T08:15:00Z, by its own statement: {scope}. The rest of the log is not" in out


def test_one_that_is_consistent_says_what_that_does_not_show(command: Command, bundle: bytes) -> None:
    status, out, err = command("incident.zip")
    assert (status, err) == (0, "")
    first, *_ = out.splitlines()
    assert first == "CONSISTENT: incident.zip agrees with its own manifest."
    assert f"Manifest's SHA-256: {digest(bundle)}\n" in out
    assert "whoever changes a bundle can write its manifest anew" in out
    assert "--manifest SHA256" in out
    assert "COMPLETE as of 2027-01-15T08:15:00Z, by its own statement." in out
    assert "INCOMPLETE" not in out
    assert "UNCHANGED" not in out


def test_one_whose_manifest_is_known_is_unchanged(command: Command, bundle: bytes) -> None:
    status, out, err = command("incident.zip", "--manifest", digest(bundle).upper())
    assert (status, err) == (0, "")
    assert out.startswith("UNCHANGED: incident.zip is the bundle whose manifest has this SHA-256.\n")
    assert "anew" not in out


def test_one_that_was_changed_names_the_entry(command: Command, bundle: bytes, tmp_path: Path) -> None:
    (tmp_path / "incident.zip").write_bytes(
        bundle.replace(b'"id-77", "action": "vm.c', b'"id-77", "action": "vm.C', 1)
    )
    for arguments in ([], ["--manifest", digest(bundle)]):
        status, out, err = command("incident.zip", *arguments)
        assert (status, err) == (1, "")
        assert out.startswith(
            "CHANGED: incident.zip is not as it was written.\n- Entry id-77 was changed: line 78.\n"
        )
        assert "CONSISTENT" not in out
        assert "It states COMPLETE as of 2027-01-15T08:15:00Z. Don't rely on that: it was changed.\n" in out
        (asked,) = (line for line in out.splitlines() if "asked of" in line)
        assert asked.startswith("It states this query: ")
        assert asked.endswith(". Don't rely on that either.")
        assert "by its own statement" not in out
        assert not re.search("^(COMPLETE|Query)", out, re.MULTILINE)


def test_what_an_incomplete_one_states_is_not_told_as_true_once_it_was_changed(
    command: Command, tmp_path: Path
) -> None:
    data = made(tmp_path, LINES, stated=statement(120, verdict="INCOMPLETE", reason=REASON, as_of_us=None))
    (tmp_path / "incident.zip").write_bytes(data.replace(b'"id-77", "action": "vm.c', b'"id-77", "action": "vm.C', 1))
    status, out, _ = command("incident.zip")
    assert status == 1
    assert f"It states INCOMPLETE. Don't rely on that: it was changed. Entries may be missing: {REASON}\n" in out


@pytest.mark.parametrize("kept", [10, 5_000])
def test_of_one_that_is_cut_off_nothing_is_told(kept: int, command: Command, bundle: bytes, tmp_path: Path) -> None:
    (tmp_path / "incident.zip").write_bytes(bundle[:kept])
    status, out, err = command("incident.zip")
    assert (status, out) == (2, "")
    assert "COMPLETE" not in err


def test_a_forgery_passes_only_without_the_manifests_digest(command: Command, bundle: bytes, tmp_path: Path) -> None:
    (tmp_path / "incident.zip").write_bytes(forged(LINES[1:], NOTES, statement(119)))
    assert command("incident.zip")[0] == 0
    status, out, _ = command("incident.zip", "--manifest", digest(bundle))
    assert status == 1
    assert "- manifest.json is not the one whose SHA-256 was given" in out


def test_what_another_version_made_otherwise_was_not_checked_which_the_first_line_says(
    command: Command, bundle: bytes, tmp_path: Path
) -> None:
    def first_line(*names: str, arguments: Sequence[str] = ()) -> list[str]:
        found = members(bundle)
        found.pop(MANIFEST)
        found |= dict.fromkeys(names, b"another form\n")
        data = rewritten(found, content_of(bundle, NOTES, statement(120, version="9.9.9")))
        (tmp_path / "incident.zip").write_bytes(data)
        status, out, _ = command("incident.zip", *(digest(data) if each == "its" else each for each in arguments))
        assert status == 0
        return out.splitlines()[:2]

    made_by = f"made by version 9.9.9, and this is {__version__}."
    why = f"not checked: {made_by}"
    rest = "Else incident.zip agrees with its own manifest."
    assert first_line() == [f"CONSISTENT, but report.md was {why} {rest}", ""]
    assert first_line("entries.csv", "timesketch.jsonl") == [
        f"CONSISTENT, but entries.csv, report.md and timesketch.jsonl were {why} {rest}", "",
    ]  # fmt: skip
    proven = first_line(arguments=["--manifest", "its"])
    assert proven[0] == "UNCHANGED: incident.zip is the bundle whose manifest has this SHA-256."
    assert proven[1] == f"But report.md was not compared with the entries: {made_by}"


def test_an_incomplete_one_is_unchanged_and_says_so(command: Command, tmp_path: Path) -> None:
    data = made(tmp_path, LINES, stated=statement(120, verdict="INCOMPLETE", reason=REASON, as_of_us=None))
    (tmp_path / "incident.zip").write_bytes(data)
    status, out, _ = command("incident.zip")
    assert status == 0
    assert f"INCOMPLETE, by its own statement. Entries may be missing: {REASON}\n" in out


def test_hostile_statements_are_safe_to_print(command: Command, tmp_path: Path) -> None:
    evil = "\x1b]52;c;x\x07\n\ud800"
    stated = statement(120, reason=evil, frozen=evil, endpoint=evil, version=evil, verdict="INCOMPLETE")
    (tmp_path / "incident.zip").write_bytes(made(tmp_path, LINES, stated=stated))
    _, out, _ = command("incident.zip")
    assert all(each.isprintable() for each in out.splitlines())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.zip"], "nothing.zip: It can't be read: No such file or directory."),
        (["."], ". is no archive: it has no _manifest.jsonl."),
        (["config.toml"], "config.toml: It is no bundle: no zip file, as export --bundle makes it."),
        (["incident.zip", "--manifest", "abc"], "--manifest: A SHA-256 has 64 hexadecimal digits"),
        (["incident.zip", "--manifest", ""], "--manifest: A SHA-256 has 64 hexadecimal digits"),
    ],
)
def test_what_can_not_be_read_is_status_2(command: Command, bundle: bytes, arguments: list[str], said: str) -> None:
    status, out, err = command(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith(said)
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["--demo"], ["incident.zip", "--manifest"]])
def test_other_arguments_are_status_2(
    arguments: list[str], command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command(*arguments)
    assert ended.value.code == 2
    assert "usage: auditlog-tui verify" in capfd.readouterr().err


@pytest.mark.parametrize("arguments", [["verify", "--help"], ["help", "verify"]])
def test_it_explains_itself(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 0
    out = capfd.readouterr().out
    assert "usage: auditlog-tui verify" in out
    assert "0 unchanged; 1 changed; 2 it can't be read" in out


def test_a_typo_of_it_is_noticed(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verfy", "incident.zip"]) == 2
    assert "Did you mean verify?" in capfd.readouterr().err


def test_what_nobody_reads_and_a_full_disk_are_not_taken_for_a_verdict(
    command: Command, bundle: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Out:
        error: OSError = BrokenPipeError()

        def lines(self, _: object) -> None:
            raise self.error

    monkeypatch.setattr("auditlog_tui.headless.verifying.standard_out", lambda _: (Out(), None))
    assert command("incident.zip")[0] == 141
    Out.error = OSError(errno.ENOSPC, "No space left on device")
    assert command("incident.zip") == (2, "", "Standard output can't be written: No space left on device.\n")


def test_progress_is_shown_on_a_terminal_and_gone_at_the_end(
    command: Command, bundle: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditlog_tui.headless.verifying.EVERY", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    _, _, err = command("incident.zip")
    assert "reading entries.jsonl: 0 of 0 MiB" in err
    assert "making timesketch.jsonl again" in err
    assert err.rsplit("\r", 2)[1].strip() == ""
