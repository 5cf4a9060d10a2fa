"""The screen's glyphs, and which of them mark an entry's status and actor.

Marks are one cell wide in every terminal: no emoji, no character that an emoji font claims, and none of ambiguous
width. Unicode does call lines, blocks, the ellipsis and the middle dot ambiguous, but a terminal that draws those
wide breaks Textual's own borders and scroll bars as well.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

StatusKind = Literal["ok", "moved", "refused", "failed", "unknown"]


class Glyphs(NamedTuple):
    """One set of glyphs, each one cell wide; `corners`, `bars` and `spinner` hold several."""

    ok: str  # 2xx
    moved: str  # 3xx
    refused: str  # 4xx
    failed: str  # 5xx
    unknown: str  # no status, or a number outside HTTP's classes
    user: str
    api_key: str
    other_actor: str
    novel: str  # a value seen for the first time
    marked: str
    noted: str
    differs: str  # a field in which two compared entries differ
    server: str  # a filter term that the server applies
    local: str  # a filter term applied locally
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
    cursor: str  # beside the row under the cursor
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
    """`UNICODE` if an output of this encoding can represent all of it, else `ASCII`."""
    try:
        "".join(UNICODE).encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return ASCII
    return UNICODE


class StatusMark(NamedTuple):
    """How a status is shown: its `glyph`, and the `kind` that sets its colour and weight."""

    kind: StatusKind
    glyph: str


_KINDS: dict[int, StatusKind] = {2: "ok", 3: "moved", 4: "refused", 5: "failed"}


def status_mark(code: int | None, glyphs: Glyphs = UNICODE) -> StatusMark:
    """The mark of an HTTP status; `None` and numbers outside HTTP's classes are `unknown`."""
    kind = _KINDS.get(code // 100, "unknown") if code is not None else "unknown"
    return StatusMark(kind, getattr(glyphs, kind))


def actor_glyph(actor_type: str | None, glyphs: Glyphs = UNICODE) -> str:
    """The glyph of an actor type; all types that this program doesn't know share one."""
    return {"user": glyphs.user, "api_key": glyphs.api_key}.get(actor_type or "", glyphs.other_actor)
