"""The programs that the benchmark compares ours with.

Minimal programs of our own: `python -m tests.bench.peers bare|fetching URL|datatable|get URL PAGES`.

lnav and toolong are measured if they are installed, and never required:

    apt-get install lnav
    python3 -m venv ~/toolong && ~/toolong/bin/pip install toolong    # then: TOOLONG=~/toolong/bin/tl
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

ROWS = 10_000
READY = "peer is ready"
LNAV_SHOWS, TOOLONG_SHOWS = b"/v1/", b"created_at"
"""Bytes that appear without interruption in their first rows."""
COLUMNS = ("TIME", "ACTION", "ACTOR", "IP", "ST", "METHOD", "PATH", "TARGET")


def command(name: str, *arguments: str) -> list[str]:
    """The command of one of our own minimal programs."""
    return [sys.executable, "-m", "tests.bench.peers", name, *arguments]


def lnav(home: Path, log: Path) -> list[str] | None:
    """The command that shows a log, with its format installed; `None` without lnav."""
    found = shutil.which("lnav")
    if found is None:
        return None
    where = home / ".config/lnav/formats/auditlog"
    where.mkdir(parents=True, exist_ok=True)
    (where / "format.json").write_text(json.dumps(LNAV_FORMAT))
    settings = home / ".config/lnav/configs/bench"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "bench.json").write_text(
        json.dumps({"ui": {"clock-format": ""}})
    )  # otherwise its clock would draw every second
    return [found, str(log)]


LNAV_FORMAT = {
    "$schema": "https://lnav.org/schemas/format-v1.schema.json",
    "auditlog": {
        "title": "Audit log", "description": "JSON lines", "json": True, "hide-extra": True,
        "timestamp-field": "created_at", "body-field": "path",
        "line-format": [
            {"field": "__timestamp__"}, " ", {"field": "action", "min-width": 22}, " ", {"field": "client_ip"}, " ",
            {"field": "status_code"}, " ", {"field": "method"}, " ", {"field": "path"}, " ", {"field": "user_agent"},
        ],
        "value": {
            "id": {"kind": "string", "identifier": True}, "action": {"kind": "string", "identifier": True},
            "client_ip": {"kind": "string", "identifier": True}, "method": {"kind": "string", "identifier": True},
            "status_code": {"kind": "integer", "foreign-key": True}, "user_agent": {"kind": "string"},
            "path": {"kind": "string"},
        },
    },
}  # fmt: skip


def toolong(log: Path) -> list[str] | None:
    found = os.environ.get("TOOLONG") or shutil.which("tl")
    return [found, str(log)] if found else None


def _bare() -> None:
    from textual.app import App, ComposeResult
    from textual.widgets import Static

    class Bare(App[None]):
        def compose(self) -> ComposeResult:
            yield Static(READY)

    Bare().run()


def _fetching(url: str) -> None:
    """The least work that an app on these libraries does up to its first row, with a single widget and none of our
    code.
    """
    from textual.app import App, ComposeResult
    from textual.widgets import Static

    class Fetching(App[None]):
        def compose(self) -> ComposeResult:
            yield Static(READY)

        def on_mount(self) -> None:
            self.call_after_refresh(self.run_worker, self.fetch())

        async def fetch(self) -> None:
            import httpx
            from pydantic import BaseModel

            class Entry(BaseModel):
                created_at: str

            class Page(BaseModel):
                items: list[Entry]

            async with httpx.AsyncClient() as client:
                answer = await client.get(f"{url}/v1/audit_logs", params={"limit": "100"})
            page = Page.model_validate_json(answer.content)
            self.query_one(Static).update("\n".join(e.created_at[:19].replace("T", " ") for e in page.items))

    Fetching().run()


def _datatable(rows: int) -> None:
    from textual.app import App, ComposeResult
    from textual.widgets import DataTable

    from auditlog_tui.demo import demo_entries
    from tests.bench.server import UNTIL

    class Table(App[None]):
        def compose(self) -> ComposeResult:
            yield DataTable(cursor_type="row")

        def on_mount(self) -> None:
            shown = self.query_one(DataTable)
            shown.add_columns(*COLUMNS)
            shown.add_rows(
                (
                    str(e.created_us),
                    e.action,
                    e.actor_name,
                    e.client_ip,
                    str(e.status_code),
                    e.method,
                    e.path,
                    e.target_id,
                )
                for e in demo_entries(entries=rows, until=UNTIL)
            )

    Table().run()


async def _get(url: str, pages: int) -> None:
    """The lower bound of every walk: request, decode, request the next page."""
    import httpx

    cursor: str | None = None
    async with httpx.AsyncClient() as client:
        for _ in range(pages):
            params = {"limit": "100"} | ({"cursor": cursor} if cursor else {})
            body = json.loads((await client.get(f"{url}/v1/audit_logs", params=params)).content)
            sys.stdout.write(f"{len(body['items'])}\n")
            cursor = body["pagination"]["next_cursor"]
            if cursor is None:
                break


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bare"]:
            _bare()
        case ["fetching", url]:
            _fetching(url)
        case ["datatable"]:
            _datatable(ROWS)
        case ["get", url, pages]:
            asyncio.run(_get(url, int(pages)))
        case _:
            sys.exit(__doc__)
