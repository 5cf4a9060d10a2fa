"""Evidence handed over as the README says: a real server, real processes, and the programs that sign and unpack."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import Serving, serving
from tests.readme import README
from tests.unit.evidence.bundles import line, made

KEY = "nirvana-key-0123456789abcdef"
HEADER = "another-secret-0123456789"
PROGRAM = [sys.executable, "-m", "auditlog_tui"]


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving(demo_log(entries=2_000, until=datetime(2026, 11, 20, tzinfo=UTC)), api_key=KEY) as running:
        yield running


def run(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "HOME": str(folder), "XDG_STATE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), **more}
    root = str(README.parent)
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder,
        env={**env, "PYTHONPATH": root},
        capture_output=True,
        timeout=120,
        check=False,
    )


def test_what_was_exported_verifies_until_a_byte_is_flipped(server: Serving, tmp_path: Path) -> None:
    secrets = {"NIRVANA_LABS_API_KEY": KEY, "NIRVANA_LABS_CUSTOM_HEADERS": f"X-Pass: {HEADER}"}
    arguments = ["export", "status:>=400", "--base-url", server.url, "--by", "Robin", "--bundle", "incident.zip"]
    exported = run(tmp_path, *arguments, **secrets)
    assert exported.returncode == 0, exported.stderr
    bundle = tmp_path / "incident.zip"
    data = bundle.read_bytes()
    for secret in (KEY, HEADER, str(tmp_path)):
        assert secret.encode() not in data
        assert not any(secret.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert bundle.stat().st_mode & 0o777 == 0o600

    found = run(tmp_path, "verify", "incident.zip")
    assert (found.returncode, found.stderr) == (0, b"")
    (digest,) = re.findall(rb"SHA-256: ([0-9a-f]{64})", found.stdout)
    assert run(tmp_path, "verify", "incident.zip", "--manifest", digest.decode()).stdout.startswith(b"UNCHANGED")
    assert bundle.read_bytes() == data

    at = data.index(b'"method":') + 12
    bundle.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    (entry_id,) = re.findall(rb'"id": ?"([^"]+)"', data)[:1]
    flipped = run(tmp_path, "verify", "incident.zip")
    assert flipped.returncode == 1
    assert b"- Entry %s was changed: line 1." % entry_id in flipped.stdout


# -- the README's commands -----------------------------------------------------------------------------------------


def commands(mark: str) -> list[str]:
    (block,) = re.findall(rf"(?ms)^<!-- {mark} -->\n```bash\n(.*?)^```$", README.read_text(encoding="utf-8"))
    return str(block).splitlines()


def shell(command: str, folder: Path) -> str:
    """Run a command line as the README has it; skips the test where one of its programs is not there."""
    for part in command.split(" | "):
        name = shlex.split(part, comments=True)[0]
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
    env = {**os.environ, "HOME": str(folder)}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


@pytest.fixture
def handed_over(tmp_path: Path) -> Path:
    """A folder with a bundle and with its manifest, taken out as the README says."""
    (tmp_path / "incident.zip").write_bytes(made(tmp_path, [line(n) for n in range(3)]))
    shell(commands("sign")[0], tmp_path)
    assert json.loads((tmp_path / "manifest.json").read_bytes())["format"] == "auditlog-tui bundle"
    return tmp_path


def test_a_manifest_is_signed_and_its_signature_checked(handed_over: Path) -> None:
    _, sign, _ = commands("sign")
    _, check, _ = commands("check")
    (handed_over / ".ssh").mkdir(mode=0o700)
    shell('ssh-keygen -q -t ed25519 -N "" -f ~/.ssh/id_ed25519', handed_over)
    shell(sign, handed_over)
    public = (handed_over / ".ssh/id_ed25519.pub").read_text()
    (handed_over / "allowed_signers").write_text(f"robin@example.com {public}")
    assert 'Good "file" signature for robin@example.com' in shell(check, handed_over)
    manifest = handed_over / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"Robin", b"Rabin"))
    with pytest.raises(AssertionError):
        shell(check, handed_over)


def test_a_timestamp_is_asked_for_over_the_manifest(handed_over: Path) -> None:
    shell(commands("sign")[2], handed_over)
    shown = shell("openssl ts -query -in manifest.tsq -text", handed_over)
    rows = re.findall(r"(?m)^ +00[01]0 - ([0-9a-f -]{47})", shown)
    digest = re.sub(r"[^0-9a-f]", "", "".join(rows))
    assert digest == sha256((handed_over / "manifest.json").read_bytes()).hexdigest()
    assert "Hash Algorithm: sha256" in shown


def test_an_entrys_digest_is_that_of_its_line(handed_over: Path) -> None:
    shown = shell(commands("check")[2], handed_over)
    first = json.loads(shell("unzip -p incident.zip digests.jsonl", handed_over).splitlines()[0])
    assert first["sha256"] in shown
