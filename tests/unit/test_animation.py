"""The animated picture: its drawing, and the file in screenshots/."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pyte
import pytest

from tests.animation import BACKGROUND, CELL_W, MARGIN, Frame, animated
from tests.app import test_incident as incident
from tests.effort import THOROUGH
from tests.screenshots import FOLDER, PICTURES, STEPS, record

SVG = "{http://www.w3.org/2000/svg}"


def screen(*lines: str) -> list[list[object]]:
    """The cells of a terminal of 8 by 2 after these lines."""
    shown = pyte.Screen(8, 2)
    pyte.Stream(shown).feed("\r\n".join(lines))
    return [[shown.buffer[y][x] for x in range(8)] for y in range(2)]


def rows(svg: str) -> dict[str, str]:
    """The text of each drawn row by its id."""
    defs = ET.fromstring(svg).find(f"{SVG}defs")
    assert defs is not None
    return {row.get("id", ""): "".join(row.itertext()) for row in defs}


def frames(svg: str) -> list[str]:
    """The text of each frame, row by row, as the strip puts it together."""
    strip = next(group for group in ET.fromstring(svg).iter(f"{SVG}g") if group.get("class") == "strip")
    drawn = rows(svg)
    return ["\n".join(drawn[use.get("href", "")[1:]].rstrip() for use in frame.iter(f"{SVG}use")) for frame in strip]


def stops(svg: str) -> list[tuple[float, float]]:
    """The keyframes: per cent of the time, and pixels to the left."""
    (text,) = re.findall(r"@keyframes film\{(.*?\})\}", svg)
    found = re.findall(r"([\d.]+)%\{transform:translateX\(-?([\d.]+)px\)\}", text)
    return [(float(at), float(x)) for at, x in found]


def seconds(svg: str) -> float:
    (found,) = re.findall(r"animation:film ([\d.]+)s steps\(1,end\) infinite", svg)
    return float(found)


# -- drawing -------------------------------------------------------------------------------------------------------


def test_each_frame_is_in_the_strip_and_moved_to_in_its_time() -> None:
    svg = animated([Frame(screen("one"), 1), Frame(screen("two"), 3), Frame(screen("one", "b"), 4)], "a film")
    assert frames(svg) == ["one\n", "two\n", "one\nb"]
    width = 8 * CELL_W + 2 * MARGIN
    assert seconds(svg) == 8
    assert stops(svg) == [(0, 0), (12.5, width), (50, 2 * width)]


def test_a_row_that_frames_share_is_drawn_once() -> None:
    svg = animated([Frame(screen("one", text), 1) for text in ("a", "b", "a")], "")
    assert len(rows(svg)) == 3


def test_markup_in_a_cell_or_caption_is_text() -> None:
    svg = animated([Frame(screen("<b>&x"), 1, "1 < 2 & 3")], "<title>")
    assert frames(svg) == ["<b>&x\n"]
    assert "1 < 2 & 3" in "".join(ET.fromstring(svg).itertext())


def test_colours_and_styles_are_those_of_the_cells() -> None:
    svg = animated([Frame(screen("\x1b[38;2;1;2;3;48;2;4;5;6mab\x1b[0;1;4;7mcd\x1b[0m"), 1)], "")
    assert 'fill="#040506"' in svg
    assert "{fill:#010203}" in svg
    assert f"{{fill:#{BACKGROUND};font-weight:bold;text-decoration:underline}}" in svg


@pytest.mark.parametrize("films", [[], [Frame(screen("a"), 1), Frame(screen("a")[:1], 1)]])
def test_screens_of_several_sizes_or_none_are_an_error(films: list[Frame]) -> None:
    with pytest.raises(ValueError, match="one size"):
        animated(films, "")


# -- the incident --------------------------------------------------------------------------------------------------


def test_the_keys_shown_are_those_that_solve_the_incident() -> None:
    again = (*incident.ALL_OF_IT, *incident.EVIDENCE)
    keys = [key for step in STEPS for key in step.keys]
    assert keys == [*incident.REFUSED, *again, *incident.BACK, *again, *incident.REVOKE, "M"]


def test_the_file_is_a_film_of_them_of_20_to_30_seconds_without_fonts() -> None:
    file = FOLDER / "incident.svg"
    svg = file.read_text(encoding="utf-8")
    assert file.stat().st_size < 1_000_000
    assert 20 <= seconds(svg) <= 30
    assert len(stops(svg)) == len(frames(svg)) == sum(max(1, len(step.keys)) for step in STEPS)
    assert "font-face" not in svg
    assert not re.search(r"url\(|href=\"(?!#)|<script|<image", svg)


def test_every_picture_has_its_file() -> None:
    assert {f"{picture.name}.svg" for picture in PICTURES} | {"incident.svg", "archive.svg"} == {
        file.name for file in FOLDER.iterdir()
    }
    for file in FOLDER.iterdir():
        ET.parse(file)


@pytest.mark.skipif(not THOROUGH, reason="takes half a minute; THOROUGH=1 records it")
def test_the_incident_is_recorded_to_its_end(tmp_path: Path) -> None:
    film = frames(animated(list(record(tmp_path)), ""))
    assert "status:401" in film[STEPS[1].keys.index("enter") + 1]
    assert len(set(film)) > 20
