"""Settings are one frozen object, and a secret is no text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

from auditlog_tui.api.client import AuditLogClient
from auditlog_tui.settings.connection import Secret
from auditlog_tui.settings.file import read_config
from auditlog_tui.settings.options import OPTIONS, Option, Settings, load


def from_flags_environment_and_file(flags: Mapping[str, str | None], environ: Mapping[str, str], path: Path) -> None:
    file = assert_type(read_config(path), Mapping[str, Any])
    assert_type(load(flags, environ, file, demo=False), Settings)
    assert_type(OPTIONS, tuple[Option, ...])


def what_they_hold(settings: Settings) -> None:
    assert_type(settings.base_url, str)
    assert_type(settings.key, Secret | None)
    assert_type(settings.views, Mapping[str, str])
    assert_type(settings.secrets, tuple[str, ...])


def a_secret_is_no_text(secret: Secret) -> None:
    assert_type(secret.reveal(), str)
    AuditLogClient(base_url="https://log.example", key=secret)  # type: ignore[arg-type]  # reveal() it
    "Bearer " + secret  # type: ignore[operator]
    len(secret)  # type: ignore[arg-type]


def a_key_is_a_secret() -> None:
    Settings(key="a-key")  # type: ignore[arg-type]  # a repr would show the text


def settings_stay_as_they_were_read(settings: Settings) -> None:
    settings.base_url = "https://other.example"  # type: ignore[misc]
    settings.headers["Authorization"] = "Bearer x"  # type: ignore[index]


def demo_is_said(flags: Mapping[str, str | None], environ: Mapping[str, str]) -> None:
    load(flags, environ, {})  # type: ignore[call-arg]  # whether a key is required
