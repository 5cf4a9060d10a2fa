"""Runs command lines in this process, over the server of the test's own module."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from auditlog_tui import cli
from auditlog_tui.demo.server import Serving

KEY = "nirvana-key-0123456789abcdef"

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(
    server: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """Runs a command line; its status and what it wrote on standard output and standard error."""
    for name in [name for name in os.environ if name.startswith(("AUDITLOG_TUI_", "NIRVANA_LABS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(cli, "config_path", lambda: tmp_path / "config.toml")
    monkeypatch.setenv("NIRVANA_LABS_API_KEY", KEY)
    monkeypatch.setenv("NIRVANA_LABS_BASE_URL", server.url)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(list(arguments))
        said = capfd.readouterr()
        assert KEY not in said.out + said.err
        return int(status), said.out, said.err

    return run
