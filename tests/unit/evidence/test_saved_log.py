"""Reading a saved log: whatever the file is like, every entry in it is there, and what can't be read is counted."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import zlib
from pathlib import Path

import pytest

from auditlog_tui.entries.raw_json import Reader
from auditlog_tui.errors import SettingsError
from auditlog_tui.evidence import bundle, saved_text
from auditlog_tui.evidence.part import Checkpoint, Part, Plan
from auditlog_tui.evidence.saved_log import SavedLog, SavedLogReader, check
from auditlog_tui.evidence.saved_text import SavedText
from auditlog_tui.evidence.statement import Annotation, Statement, Verdict
from auditlog_tui.offline.source import ARRIVAL, Filter, Order
from tests.unit.evidence.saved import LINES, line, reading, saved

NEWEST: Order = (("created_at", True), (ARRIVAL, True))
TEXT = "\n".join(LINES) + "\n"


def texts(log: SavedLog, where: Filter = Filter(), order: Order = NEWEST) -> list[str]:  # noqa: B008  # frozen
    return [found.text for found in log.index.find(where, order, None, 1_000).entries]


def page(lines: list[str], cursor: str | None = None, indent: int | None = None, total: int | None = None) -> str:
    pagination = {"next_cursor": cursor, "previous_cursor": None, "total_count": total or len(lines)}
    return json.dumps({"items": [json.loads(each) for each in lines], "pagination": pagination}, indent=indent)


WHOLE = {
    "plain": TEXT.encode(),
    "without the last line's end": TEXT.encode().rstrip(),
    "CRLF": TEXT.replace("\n", "\r\n").encode(),
    "empty lines": TEXT.replace("\n", "\n\n \n").encode(),
    "a BOM": b"\xef\xbb\xbf" + TEXT.encode(),
    "UTF-16 with a BOM": TEXT.encode("utf-16"),
    "UTF-16, big end first": TEXT.encode("utf-16-be"),
    "UTF-16, little end first": TEXT.encode("utf-16-le"),
    "UTF-32": TEXT.encode("utf-32"),
    "gzip": gzip.compress(TEXT.encode()),
    "gzip of two members": gzip.compress(LINES[0].encode() + b"\n") + gzip.compress("\n".join(LINES[1:]).encode()),
    "gzip with padding": gzip.compress(TEXT.encode()) + bytes(600),
    "gzip of UTF-16": gzip.compress(TEXT.encode("utf-16")),
    "a list": f"[{','.join(LINES)}]".encode(),
    "a list, an entry a line": ("[\n" + ",\n".join(LINES) + "\n]\n").encode(),
    "a page": page(LINES).replace(": ", ":").replace(", ", ",").encode(),
    "a page, pagination first": f'{{"pagination":{{}},"items":[{",".join(LINES)}]}}'.encode(),
    "a page a line": f'{{"items":[{LINES[0]}]}}\n{{"items":[{LINES[1]},{LINES[2]}]}}'.encode(),
    "a page and entries": f'{LINES[0]}\n{{"items":[{LINES[1]},{LINES[2]}]}}'.encode(),
    "lists one after the other": f"[{LINES[0]}]\n[{LINES[1]},{LINES[2]}]".encode(),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_every_entry_is_there_with_its_text(kind: str, tmp_path: Path) -> None:
    with saved(tmp_path, WHOLE[kind]) as log:
        assert texts(log) == LINES
        assert log.reason == ""


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("kind", WHOLE)
def test_wherever_the_file_is_cut_in_chunks(kind: str, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_text, "CHUNK", chunk)
    text = SavedText(io.BytesIO(WHOLE[kind]), lambda part: None)
    found = [each for batch in text.batches() for each in batch.texts if each]
    assert "".join(found).count('"id":"id-') == 3
    assert text.flaws == saved_text.Flaws()


@pytest.mark.parametrize("indent", [0, 2])
def test_json_over_several_lines(indent: int, tmp_path: Path) -> None:
    entries = [json.loads(each) for each in LINES]
    for content in (
        page(LINES, indent=indent),
        json.dumps(entries, indent=indent),
        "\n".join(json.dumps(each, indent=indent) for each in entries),
    ):
        with saved(tmp_path, content) as log:
            assert [json.loads(each) for each in texts(log)] == entries
            assert log.reason == ""


ODD = {
    "garbage in between": (f"{LINES[0]}\ngarbage\n{LINES[1]}\n\0\0\0\n{LINES[2]}\n", 2, "line 2"),
    "half a last line": (f"{TEXT}{line(4)[:50]}", 1, "line 4"),
    "half a first line": (f'"action":"vm.read"}}\n{TEXT}', 1, "line 1"),
    "other JSON": (f'{TEXT}17\n"id"\nnull\n[1]\n{{}}\n{{"a":1}}\n', 6, "line 4"),
    "a broken value in a list": (f"[\n{LINES[0]},\n{LINES[1]},\n{{'id':1}},\n{LINES[2]}\n]", 1, "value 3"),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_cannot_be_read_is_counted_and_the_rest_is_there(kind: str, tmp_path: Path) -> None:
    content, count, first = ODD[kind]
    with saved(tmp_path, content) as log:
        assert texts(log) == LINES
        assert f"{first} can't be read" in log.reason if count == 1 else log.reason.startswith(f"{count} ")
        assert first in log.reason


def test_a_list_without_an_end_and_one_of_nothing_but_garbage(tmp_path: Path) -> None:
    with saved(tmp_path, f"[{','.join(LINES)}") as log:
        assert texts(log) == LINES
        assert log.reason == "the list has no end"
    with saved(tmp_path, f"[{','.join(LINES)}," + "x\n" * 10_000) as log:
        assert texts(log) == LINES
        assert "it is not JSON from value" in log.reason
    with saved(tmp_path, "[" + LINES[0] + "".join(',\n{"' for _ in range(10_000))) as log:
        assert texts(log) == LINES[:1]
        assert "it is not JSON from value 21 on" in log.reason


def test_a_page_after_which_more_follow_says_so(tmp_path: Path) -> None:
    for content in (page(LINES, "next"), page(LINES, "next", indent=1), f"{page(LINES, 'next')}\n"):
        with saved(tmp_path, content) as log:
            assert len(texts(log)) == 3
            assert log.reason == "it is a page, after which more entries follow in the log"
    with saved(tmp_path, page(LINES)) as log:
        assert log.reason == ""


def test_a_page_that_counts_more_entries_than_are_here_says_so(tmp_path: Path) -> None:
    several = f"{page(LINES[:1], total=500)}\n{page(LINES[1:], total=500)}"
    for content in (page(LINES, total=500), page(LINES, total=500, indent=1), several):
        with saved(tmp_path, content) as log:
            assert len(texts(log)) == 3
            assert log.reason == "its page says that there are 500 entries, and 3 are here"


def test_a_page_with_two_lists_has_the_entries_of_both_and_says_so(tmp_path: Path) -> None:
    pagination = '"pagination":{"next_cursor":null,"total_count":3}'
    lists = f'"items":[{LINES[0]}],"items":[{LINES[1]},{LINES[2]}]'
    for content in (
        f"{{{lists},{pagination}}}", f"{{{lists},{pagination}}}\n" * 2, f"[\n{LINES[0]}\n]\n{{{lists}}}",
        f"{{{pagination},{lists}}}", f"{LINES[0]}\n{{{lists},{pagination}}}",
    ):  # fmt: skip
        with saved(tmp_path, content) as log:
            assert {*texts(log)} == {*LINES}
            assert log.reason == "a page has two lists of entries, which are both here"


def test_a_page_of_many_values_with_pagination_first_is_a_page(tmp_path: Path) -> None:
    entries = ",".join(line(n, user_agent=["ab"] * 400) for n in range(100))
    with saved(tmp_path, f'{{"pagination":{{"next_cursor":null}},"items":[{entries}]}}') as log:
        assert (log.index.size, log.reason) == (100, "")


def test_reading_a_long_value_takes_steps_in_proportion_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    class Counted(Reader):
        def __init__(self, text: str, at: int = 0) -> None:
            tried.append(min(len(text) - at, len(long)))
            super().__init__(text, at)

    monkeypatch.setattr(saved_text, "CHUNK", 1_000)
    monkeypatch.setattr(saved_text, "Reader", Counted)
    long = line(9, user_agent=["ab"] * 30_000)
    text = SavedText(io.BytesIO(f"[{LINES[0]},{long},{LINES[1]}]".encode()), lambda part: None)
    assert [each for batch in text.batches() for each in batch.texts] == [LINES[0], long, LINES[1]]
    assert sum(tried) < 4 * len(long)


def test_what_was_read_beyond_a_long_value_is_all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_text, "WINDOW", 1_000)
    monkeypatch.setattr(saved_text, "CHUNK", 700)
    values = [line(n, user_agent="x" * (n % 7) ** 5) for n in range(60)]
    for content in (f"[{','.join(values)}]", f'{{"items":[{",".join(values)}],"pagination":{{}}}}', "".join(values)):
        text = SavedText(io.BytesIO(content.encode()), lambda part: None)
        found = [each for batch in text.batches() for each in batch.texts if each]
        assert "".join(found) == "".join(values)


@pytest.mark.parametrize("padding", [0, 1, 600, 400_000])
def test_gzip_goes_on_after_padding_of_any_length(padding: int, tmp_path: Path) -> None:
    first, second = (gzip.compress(f"{each}\n".encode()) for each in LINES[:2])
    with saved(tmp_path, first + bytes(padding) + second + bytes(padding)) as log:
        assert (texts(log), log.reason) == (LINES[:2], "")
    with saved(tmp_path, first + bytes(padding) + b"garbage") as log:
        assert (texts(log), log.reason) == (LINES[:1], "the compressed data is damaged")


def packed_lines() -> tuple[list[str], bytes]:
    dice = random.Random(7)
    lines = [line(n, user_agent=f"{dice.random()}") for n in range(200, 0, -1)]
    return lines, gzip.compress("\n".join(lines).encode())


@pytest.mark.parametrize("left_out", [2_000, 12, 5, 1])
def test_gzip_that_ends_early_says_so(left_out: int, tmp_path: Path) -> None:
    lines, packed = packed_lines()
    with saved(tmp_path, packed[:-left_out]) as log:
        assert texts(log) == lines[: log.index.size]
        assert log.index.size == 200 if left_out < 9 else 0 < log.index.size < 200
        assert "the compressed data ends early" in log.reason


@pytest.mark.parametrize("damaged_at", [2_000, 6])
def test_gzip_that_is_damaged_says_so(damaged_at: int, tmp_path: Path) -> None:
    lines, packed = packed_lines()
    damaged = bytearray(packed)
    damaged[-damaged_at:] = bytes(~byte & 255 for byte in damaged[-damaged_at:])
    with saved(tmp_path, bytes(damaged)) as log:
        assert 0 < log.index.size <= 200
        assert len({*texts(log)} & {*lines}) >= log.index.size - 1
        assert "the compressed data is damaged" in log.reason


def test_a_gzip_bomb_of_one_line_is_refused_and_counted(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(f"{LINES[0]}\n".encode())
    bomb += b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.compress(b"\n" + LINES[1].encode())
    with saved(tmp_path, bomb + packer.flush()) as log:
        assert texts(log) == LINES[:2]
        assert log.reason == "line 2 (too long) can't be read"


def test_a_line_and_a_value_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_text, "CHUNK", 1_000)
    monkeypatch.setattr(saved_text, "LONGEST", 20_000)
    fits, exceeds = line(4, user_agent="x" * 15_000), line(5, user_agent="x" * 30_000)
    with saved(tmp_path, "\n".join([fits, exceeds, *LINES])) as log:
        assert texts(log) == [fits, *LINES]
        assert log.reason == "line 2 (too long) can't be read"
    with saved(tmp_path, ("[" + ",\n".join([fits, *LINES])) + "]") as log:
        assert texts(log) == [fits, *LINES]


def test_entries_without_id_or_time_or_with_other_faults_are_all_there(tmp_path: Path) -> None:
    odd = [
        line(4, id=None),
        line(5).replace('"id":"id-5",', ""),
        line(6, created_at="yesterday"),
        line(7, created_at=None),
        line(8, status_code="abc"),
        line(9, target=None, actor=None),
        line(10).replace("curl", "cu\x01rl"),
        line(11).replace("{", '{"id":"other",', 1),
        line(12) + " ",
        line(13).replace("}}", "},}"),
        line(18) + ",",
        line(14, unknown={"deep": [1, 2]}),
        line(15, status_code=10**30),
        line(16, user_agent="\ud800"),
    ]
    content = "\n".join([*odd, *LINES]).encode() + b"\n" + line(17).encode().replace(b"curl", b"\xff\xfe")
    with saved(tmp_path, content) as log:
        found = texts(log)
        assert sorted(found) == sorted(
            [*(each.strip(" ,") for each in odd), *LINES, line(17).replace("curl", "\udcff\udcfe")]
        )
        assert found[-2:] == [odd[2], odd[3]] or {*found[-2:]} == {odd[2], odd[3]}  # no time: the last
        assert log.reason == ""


def test_the_same_id_with_other_text_is_there_twice_and_a_repeated_line_once(tmp_path: Path) -> None:
    other = line(2, status_code=500)
    with saved(tmp_path, "\n".join([*LINES, other, LINES[1], LINES[1], "", LINES[0]])) as log:
        assert sorted(texts(log)) == sorted([*LINES, other])
        assert log.index.find(Filter(), NEWEST, None, 10).total == 4
        assert log.index.repeated == 3
        assert log.reason == ""
        assert log.index.get("id-2") == LINES[1]
        assert log.index.get("id-9") is None


@pytest.mark.parametrize("newest_first", [True, False])
def test_equal_times_keep_the_order_of_the_file(newest_first: bool, tmp_path: Path) -> None:
    same = [line(n, created_at="2026-07-01T12:00:01Z", status_code=200 + n % 2) for n in range(10, 20)]
    lines = [line(40), *same, line(0)] if newest_first else [line(0), *same, line(40)]
    expected = lines if newest_first else lines[::-1]
    with saved(tmp_path, "\n".join(lines)) as log:
        assert texts(log) == expected
        assert texts(log, order=(("created_at", False), (ARRIVAL, False))) == expected[::-1]
        for descends in (True, False):
            order: Order = (("status_code", descends), *NEWEST)
            status = sorted(expected, key=lambda each: json.loads(each)["status_code"], reverse=descends)
            assert texts(log, order=order) == status
            walked: list[str] = []
            place = None
            while found := log.index.find(Filter(), order, place, 3).entries:
                walked += [each.text for each in found]
                place = found[-1].place
            assert walked == status


def test_what_is_unreadable_matches_every_filter_by_it_and_no_time(tmp_path: Path) -> None:
    odd, undated = line(4, status_code="abc", action=5), line(5, created_at="x")
    with saved(tmp_path, "\n".join([odd, undated, *LINES])) as log:
        assert texts(log, Filter(bounds=(("status_code", 400, None),))) == [odd]
        assert texts(log, Filter(exact=(("action", "vm.deleted"),))) == [odd]
        assert texts(log, Filter(exact=(("client_ip", "192.0.2.9"),))) == []
        for bounds in ((None, 10**17), (0, None), (0, 10**17)):
            assert texts(log, Filter(bounds=(("created_at", *bounds),))) == [odd, *LINES]
        assert texts(log, Filter(bounds=(("status_code", None, 300),))) == [odd, *LINES, undated]


# -- what is no file of entries --------------------------------------------------------------------------------


def test_what_is_no_ordinary_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name, why in (("pipe", "named pipe"), ("link", "named pipe"), ("", "folder"), ("none", "No such file")):
        for refusal in (check, lambda path: SavedLogReader(path).read()):
            with pytest.raises(SettingsError, match=why):
                refusal(str(tmp_path / name))
    for path in ("/dev/zero", "a\0b"):
        with pytest.raises(SettingsError, match="can't be opened"):
            check(path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (b"[]", "it is empty"),
        (
            b"root:x:0\nbin:x:1\n",
            r"no audit log entry \(2 lines can't be read, the first is line 1\), and begins “root:x:0”\.$",
        ),
        (
            b"a,b\n1,2\n",
            "^[^:]*file is no saved log: open reads JSON Lines, a page of the API, a bundle or a case; it has no",
        ),
        (b'{"name":"auditlog","version":"1"}', "line 1 can't be read"),
        (b"PK\x03\x04" + bytes(100), "bundle"),
        (b"\x1f\x8b", "ends early"),
        (b"\x1f\x8bxxxxxxxxxxxxxxxxxxxxxxx", "damaged"),
    ],
)
def test_a_file_without_entries_is_refused(content: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=why):
        SavedLogReader(str(path)).read()


def test_a_hostile_name_is_shown_safely(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        check(str(tmp_path / "a\x1b]52;c;AAAA\x07"))
    assert "\x1b" not in str(caught.value)
    assert "\x07" not in str(caught.value)


# -- stopping ----------------------------------------------------------------------------------------------------


def test_what_was_read_before_a_stop_is_there_and_said_to_be_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_text, "CHUNK", 10_000)
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(line(n) for n in range(3_000, 0, -1)))
    reader = SavedLogReader(str(path))
    take = reader._take

    def stopping(chunk: bytes) -> None:
        take(chunk)
        if reader._taken >= 100_000:
            reader.stop()

    monkeypatch.setattr(reader, "_take", stopping)
    log = reader.read()
    try:
        assert 0 < log.index.size < 3_000
        assert texts(log)[0] == line(3_000)
        assert log.reason == f"reading was stopped, {100 * reader._taken // path.stat().st_size} % of it is here"
        assert log.digest == ""
    finally:
        log.close()


# -- what comes with a statement ---------------------------------------------------------------------------------


def a_bundle(
    path: Path, verdict: Verdict = "COMPLETE", reason: str = "", notes: list[Annotation] | None = None
) -> Path:
    entries = path.with_suffix(".entries")
    entries.write_text(TEXT)
    stated = Statement(
        query="status:200 last:1h", frozen="status:200 created:>=2026-07-01T11:30:00Z", low_us=None, high_us=None,
        endpoint="https://log.example", by="Ann", as_of_us=1_782_909_000_000_000, clock_offset_ms=0, requests=1,
        entries=3, rows=3, total=3, verdict=verdict, reason=reason,
    )  # fmt: skip
    with path.open("wb") as file:
        bundle.write(entries, notes or [], stated, file)
    return path


def test_a_bundle_has_its_entries_its_notes_and_its_statement(tmp_path: Path) -> None:
    note = Annotation("id-2", marked=True, note="look #inc42", tags=("inc42",), made_us=5)
    with reading(a_bundle(tmp_path / "b.zip", notes=[note])) as log:
        assert texts(log) == LINES
        assert (log.stated, log.reason) == (True, "")
        assert log.query == "status:200 created:>=2026-07-01T11:30:00Z"
        assert log.as_of_us == 1_782_909_000_000_000
        assert list(log.notes) == [note]


def test_an_incomplete_bundle_stays_incomplete(tmp_path: Path) -> None:
    with reading(a_bundle(tmp_path / "b.zip", "INCOMPLETE", "the server broke off")) as log:
        assert log.reason == "the server broke off"
        assert texts(log) == LINES


def test_changed_entries_of_a_bundle_are_found(tmp_path: Path) -> None:
    path = a_bundle(tmp_path / "b.zip")
    path.write_bytes(path.read_bytes().replace(b'"id":"id-2"', b'"id":"id-9"'))
    with reading(path) as log:
        assert "its entries were changed since it was made" in log.reason
    path.write_bytes(path.read_bytes()[:-5])
    for refusal in (check, lambda path: SavedLogReader(path).read()):
        with pytest.raises(SettingsError, match="bundle"):
            refusal(str(path))


def test_the_part_of_an_export_says_that_it_is_one(tmp_path: Path) -> None:
    plan = Plan("status:200", "", "https://log.example", "jsonl", 0, "status:200 created:>=2026-07-01")
    with Part(tmp_path / "x.jsonl") as part:
        part.begin(plan)
        for n in (1, 2):
            part.append(b"x", Checkpoint(as_of_us=n))
    state = tmp_path / "x.jsonl.part.state"
    state.write_bytes(state.read_bytes() + b'{"size":3,"as')
    with saved(tmp_path, TEXT + line(4)[:40], "x.jsonl.part") as log:
        assert texts(log) == LINES
        assert log.reason == "line 4 can't be read; it is the part of an export that has not ended"
        assert (log.stated, log.query, log.as_of_us) == (True, "status:200 created:>=2026-07-01", 2)
    with saved(tmp_path, TEXT, "y.part") as log:
        assert log.reason == "it is the part of an export that has not ended"
        assert not log.stated


def test_notes_are_no_entries(tmp_path: Path) -> None:
    path = tmp_path / "log.notes.jsonl"
    path.write_text(Annotation("id-1", marked=True, note="n", made_us=3).line() + "\n")
    with pytest.raises(SettingsError, match="no audit log entry"):
        SavedLogReader(str(path)).read()


def test_notes_beside_an_export_are_there(tmp_path: Path) -> None:
    note = Annotation("id-1", marked=True, note="n", made_us=3)
    (tmp_path / "log.notes.jsonl").write_text(f"{note.line()}\nbroken\n")
    with saved(tmp_path, TEXT) as log:
        assert list(log.notes) == [note]
