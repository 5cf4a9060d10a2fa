import unicodedata

import pytest
from rich.cells import cell_len

from auditlog_tui.text.glyphs import (
    ASCII,
    UNICODE,
    Glyphs,
    actor_glyph,
    glyphs_for,
    status_mark,
)
from auditlog_tui.text.safe import safe

SEVERAL = {"corners", "bars", "spinner"}
AMBIGUOUS_BY_THE_LETTER = set("·…─│╭╮╰╯▌▁▂▃▄▅▆▇█")


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_every_glyph_is_one_character_of_one_cell_that_may_be_shown(glyphs: Glyphs) -> None:
    for name, drawn in glyphs._asdict().items():
        assert len(drawn) == 1 or name in SEVERAL
        assert all(cell_len(glyph) == 1 and safe(glyph) == glyph for glyph in drawn), name


def test_no_mark_is_of_ambiguous_width_but_those_that_the_borders_share() -> None:
    drawn = set("".join(UNICODE))
    ambiguous = {glyph for glyph in drawn if unicodedata.east_asian_width(glyph) not in ("N", "Na")}
    assert ambiguous <= AMBIGUOUS_BY_THE_LETTER


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_what_is_told_apart_by_glyph_alone_looks_different(glyphs: Glyphs) -> None:
    for group in (
        (glyphs.ok, glyphs.moved, glyphs.refused, glyphs.failed, glyphs.unknown),
        (glyphs.user, glyphs.api_key, glyphs.other_actor),
        (glyphs.novel, glyphs.marked),
        (glyphs.server, glyphs.local),
        (glyphs.on, glyphs.off),
        (glyphs.ascending, glyphs.descending),
        (glyphs.folded, glyphs.unfolded),
    ):
        assert len(set(group)) == len(group)
    assert len(glyphs.corners) == 4
    assert len(glyphs.bars) == 9 or glyphs is ASCII
    assert glyphs.bars[0] == " "


@pytest.mark.parametrize(
    ("encoding", "glyphs"),
    [("utf-8", UNICODE), ("UTF-16", UNICODE), ("ascii", ASCII), ("latin-1", ASCII), ("cp437", ASCII), (None, ASCII)],
)
def test_the_glyphs_are_those_that_the_encoding_has(encoding: str | None, glyphs: Glyphs) -> None:
    assert glyphs_for(encoding) is glyphs


def test_an_encoding_that_there_is_not_gets_the_plain_glyphs() -> None:
    assert glyphs_for("no-such-encoding") is ASCII


def test_the_plain_glyphs_are_ascii() -> None:
    assert "".join(ASCII).isascii()


@pytest.mark.parametrize(
    ("code", "kind", "glyph"),
    [
        (200, "ok", "✓"), (299, "ok", "✓"), (301, "moved", "»"), (403, "refused", "✗"), (499, "refused", "✗"),
        (500, "failed", "!"), (599, "failed", "!"), (100, "unknown", "?"), (600, "unknown", "?"), (0, "unknown", "?"),
        (2, "unknown", "?"), (-200, "unknown", "?"), (10**30, "unknown", "?"), (None, "unknown", "?"),
    ],
)  # fmt: skip
def test_a_status_is_marked_by_its_class(code: int | None, kind: str, glyph: str) -> None:
    assert status_mark(code) == (kind, glyph)


def test_a_status_can_be_marked_in_ascii() -> None:
    assert status_mark(404, ASCII).glyph == "x"


def test_an_actor_is_marked_by_its_type() -> None:
    assert [actor_glyph(kind) for kind in ("user", "api_key", "robot", "", None)] == ["◊", "⊸", "?", "?", "?"]
    assert actor_glyph("api_key", ASCII) == "#"
