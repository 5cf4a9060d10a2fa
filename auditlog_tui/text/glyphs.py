"""What the screen draws besides text, and how an entry's status and action are told apart.

Marks are one cell wide in every terminal: no emoji (nor anything that an emoji font claims), and nothing whose width
Unicode calls ambiguous. Lines, blocks, the ellipsis and the middle dot are ambiguous by the letter; where a terminal
draws those wide, Textual's own borders and scroll bars break as well.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

StatusKind = Literal["ok", "moved", "refused", "failed", "unknown"]
Severity = Literal["read", "change", "destroy"]


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Everything drawn that is not a letter; each glyph takes one cell."""

    ok: str  # 2xx
    moved: str  # 3xx
    refused: str  # 4xx
    failed: str  # 5xx
    unknown: str  # no status, or none that HTTP has
    user: str
    api_key: str
    other_actor: str
    novel: str  # seen for the first time
    marked: str
    noted: str
    differs: str  # beside a field that two entries don't share
    server: str  # a filter term that the server applies
    local: str  # a filter term applied here
    on: str
    off: str
    ascending: str
    descending: str
    folded: str
    unfolded: str
    next: str
    bullet: str
    separator: str
    ellipsis: str
    enter: str
    cursor: str  # beside the row the cursor is on
    line: str
    upright: str
    corners: str  # top left, top right, bottom left, bottom right
    bars: str  # empty to full
    spinner: str  # frames


UNICODE = Glyphs(
    ok="✓", moved="»", refused="✗", failed="!", unknown="?",
    user="◊", api_key="⊸", other_actor="?",
    novel="✦", marked="⚑", noted="✎", differs="≢", server="▸", local="▹", on="◉", off="◌",
    ascending="▴", descending="▾", folded="▸", unfolded="▾", next="›", bullet="∙", separator="·",
    ellipsis="…", enter="⏎", cursor="▌", line="─", upright="│", corners="╭╮╰╯",
    bars=" ▁▂▃▄▅▆▇█", spinner="⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏",
)  # fmt: skip

ASCII = Glyphs(
    ok="+", moved=">", refused="x", failed="!", unknown="?",
    user="@", api_key="#", other_actor="?",
    novel="*", marked="=", noted="%", differs="!", server="^", local="~", on="*", off="o",
    ascending="^", descending="v", folded=">", unfolded="v", next=">", bullet="-", separator="-",
    ellipsis="~", enter="<", cursor=">", line="-", upright="|", corners="++++",
    bars=" .:-=+*#@", spinner="|/-\\",
)  # fmt: skip


def glyphs_for(encoding: str | None) -> Glyphs:
    """The glyphs that a screen of this encoding can draw."""
    try:
        "".join(astuple(UNICODE)).encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return ASCII
    return UNICODE


class StatusMark(NamedTuple):
    """A status told twice: by `glyph`, and by `kind` for its colour and weight."""

    kind: StatusKind
    glyph: str


_KINDS: dict[int, StatusKind] = {2: "ok", 3: "moved", 4: "refused", 5: "failed"}


def status_mark(code: int | None, glyphs: Glyphs = UNICODE) -> StatusMark:
    """How an HTTP status is marked; `None` and numbers that HTTP has no class for are `unknown`."""
    kind = _KINDS.get(code // 100, "unknown") if code is not None else "unknown"
    return StatusMark(kind, getattr(glyphs, kind))


def actor_glyph(actor_type: str | None, glyphs: Glyphs = UNICODE) -> str:
    """The glyph of an actor's type; types that are newer than this program share one."""
    return {"user": glyphs.user, "api_key": glyphs.api_key}.get(actor_type or "", glyphs.other_actor)


_READ = frozenset({
    "read", "reads", "list", "lists", "listed", "view", "views", "viewed", "get", "gets", "got", "fetch",
    "fetched", "show", "shown", "search", "searched", "describe", "described", "download", "downloaded",
    "access", "accessed", "query", "queried",
})  # fmt: skip
_DESTROY = frozenset({
    "delete", "deletes", "deleted", "revoke", "revokes", "revoked", "detach", "detaches", "detached",
    "remove", "removes", "removed", "destroy", "destroys", "destroyed", "terminate", "terminates",
    "terminated", "disable", "disables", "disabled", "purge", "purges", "purged", "erase", "erased", "wipe",
    "wiped", "drop", "dropped", "deactivate", "deactivated", "unassign", "unassigned", "uninstall",
    "uninstalled", "suspend", "suspended", "deprovision", "deprovisioned", "evict", "evicted", "expire",
    "expired", "kill", "killed",
})  # fmt: skip


@lru_cache(1024)
def action_severity(action: str | None) -> Severity:
    """What an action does, by its verb (`vm.deleted`: the last dotted part); a verb not known is a change."""
    verb = (action or "").rpartition(".")[2].lower()
    if verb in _READ:
        return "read"
    # `force_deleted`, `bulk-removed`: the verb stands among other words.
    words = verb.replace("-", "_").split("_")
    return "change" if _DESTROY.isdisjoint(words) else "destroy"
