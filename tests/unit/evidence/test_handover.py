"""Hand-over formats: any entry is one valid line that carries the bytes received, and nothing in it is made up."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from auditlog_tui.api.http import decode
from auditlog_tui.entries.models import Entry, read_entry, read_page
from auditlog_tui.entries.raw_json import stored
from auditlog_tui.evidence import markdown
from auditlog_tui.evidence.fields import NO_NOTE, Note, address, fields_of, plain, succeeded, utc
from auditlog_tui.evidence.formats import TableStyle, Writer
from auditlog_tui.text.defang import defang
from auditlog_tui.text.glyphs import UNICODE
from tests.unit.entries.test_malformed import DAMAGES, FIELDS, body_of, damaged
from tests.unit.evidence.golden_files import FILES, JSON_LINES, entries
from tests.unit.evidence.schemas import CHECKS, leaves
from tests.unit.fake import entry, read
from tests.unit.query import strategies

MARKUP = (
    "|", "\\|", "\\", "`", "``", " ` ", "```\n", "\n| --- |\n", "[x](http://evil.example)", "<script>", "<b>|</b>",
    "http://evil.example", "www.evil.example", "eve@evil.example", "@all", "#1", "&#124;", "&lt;", "![x](y)", "~~~",
    "a | b", "  ", "-", "\x1b[31m", "\u2028", "\x00", "\u202e", "é", "🙂", "", "\ud800",
)  # fmt: skip

texts = st.text(max_size=8) | st.lists(st.sampled_from(MARKUP), max_size=4).map("".join)
notes = st.builds(Note, texts, st.lists(st.sampled_from(["inc42", "bad-1"]), unique=True).map(tuple), st.booleans())


def damaged_entry(field: str, damage: str) -> Entry:
    (found,) = read_page(decode(body_of([damaged(field, DAMAGES[damage])]))).entries
    return found


damages = st.builds(damaged_entry, st.sampled_from(FIELDS), st.sampled_from(sorted(DAMAGES)))
hostile = st.builds(
    lambda text, ip: read(
        entry(1, action=text, actor={"id": text, "name": text}, path=text, method=text, client_ip=ip)
    ),
    texts.map(lambda text: text.replace("\ud800", "")),
    st.ip_addresses().map(str) | st.ip_addresses(v=6).map(lambda ip: ip.exploded) | texts,
)
any_entry = strategies.entries | damages | hostile


def parsed(name: str, read: Entry, note: Note = NO_NOTE) -> dict[str, Any]:
    """The line's members; it is one line of printable ASCII."""
    line = JSON_LINES[name](read, note)
    assert line.isascii()
    assert line.isprintable()
    found: dict[str, Any] = json.loads(line)
    json.dumps(found, ensure_ascii=False).encode()  # no lone surrogate, which strict readers refuse
    return found


def original(name: str, line: dict[str, Any]) -> tuple[str, str | None, str | None]:
    """The text as received, the bytes in base64 if there are, and the hash if the format has one."""
    if name == "timesketch":
        return line["raw"], line.get("raw_base64"), None
    if name == "ocsf":
        return line["raw_data"], line["unmapped"].get("raw_data_base64"), line["raw_data_hash"]["value"]
    return line["event"]["original"], line.get("nirvana", {}).get("raw_base64"), line["event"]["hash"]


@pytest.mark.parametrize("name", JSON_LINES)
@given(read=any_entry, note=notes)
@example(read=read_entry('{"action":"\udcff"}'), note=Note("\ud800"))
def test_any_entry_is_a_valid_line_with_the_bytes_received(name: str, read: Entry, note: Note) -> None:
    line = parsed(name, read, note)
    CHECKS[name](line)
    kept = stored(read.raw)
    received = kept.encode() if isinstance(kept, str) else kept
    text, encoded, digest = original(name, line)
    assert (base64.b64decode(encoded) if encoded is not None else text.encode()) == received
    assert text == received.decode("utf-8", "replace")
    assert digest in (None, hashlib.sha256(received).hexdigest())


@pytest.mark.parametrize("name", JSON_LINES)
@given(read=any_entry, note=notes)
def test_the_note_its_tags_the_mark_and_the_context_are_in_it(name: str, read: Entry, note: Note) -> None:
    line = parsed(name, read, note)
    if name == "timesketch":
        found = line.get("comment", ""), line.get("tag", []), line["context"], line["marked"]
    elif name == "ocsf":
        (held,) = line.get("enrichments", [{"value": "", "data": {"tags": []}}])
        unmapped = line["unmapped"]
        found = held["value"], held["data"]["tags"], unmapped["context"], unmapped["marked"]
    else:
        labels = [line["labels"][name] == "true" for name in ("context", "marked")]
        found = line.get("message", ""), line.get("tags", []), *labels
    assert found == (note.text, list(note.tags), note.context, note.marked)


EXACT = frozenset({"tab", "escape", "nul", "line break", "trailing comma", "two commas"})
"""Damage that leaves a text with one meaning."""


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_can_not_be_read_is_left_out_and_named(field: str, damage: str) -> None:
    found = fields_of(damaged_entry(field, damage))
    value = found.status_code if field == "status_code" else found.get(field)
    kept = damage in EXACT and field != "status_code"
    assert (value is not None, field in found.unreadable) == (kept, not kept)
    others = {"status_code": found.status_code, **found.texts}
    sound = fields_of(read(entry(1)))
    assert {**others, field: None} == {**sound.texts, "status_code": sound.status_code, field: None}


@pytest.mark.parametrize("name", JSON_LINES)
@pytest.mark.parametrize(
    "raw",
    [
        '{"action":"a","action":"b"}',
        '{"actor":{"id":"a"},"actor":{"id":"b"}}',
        '{"created_at":"2026-11-22T10:00:00Z","created_at":"2026-11-23T10:00:00Z"}',
    ],
)
def test_of_two_values_none_is_taken(name: str, raw: str) -> None:
    line = parsed(name, read_entry(raw))
    values = [value for key, value in leaves(line) if "raw" not in key and "original" not in key]
    assert not {"a", "b"} & {value for value in values if isinstance(value, str)}
    assert not any("2026" in str(value) for value in values)


def test_two_versions_of_an_id_are_two_lines() -> None:
    writer = Writer("ecs", TableStyle(None, "utc", UTC, 0, UNICODE))
    raws = [json.dumps(entry(1, status_code=code)) for code in (201, 500)]
    lines = [json.loads(line) for line in writer.raw_lines(raws)]
    assert [line["event"]["id"] for line in lines] == ["id-1", "id-1"]
    assert [line["event"]["original"] for line in lines] == raws


# -- values --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("203.0.113.7", True), ("2001:db8::1", True), ("::ffff:203.0.113.7", True), ("fe80::1%eth0", False),
        ("0000:0000:0000:0000:0000:ffff:255.255.255.255", False), ("010.0.0.1", False), ("internal", False),
        ("203.0.113.7 ", False), ("", False), (None, False),
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_left_out_of_addresses(text: str | None, kept: bool) -> None:
    assert address(text) == (text if kept else None)


@pytest.mark.parametrize(
    ("code", "expected"), [(200, True), (302, True), (400, False), (599, False), (99, None), (600, None)]
)
def test_success_goes_by_the_status(code: int, expected: bool | None) -> None:
    assert succeeded(code) is expected


@given(st.integers(-(2**63), 2**63 - 1) | st.datetimes().map(lambda at: int(at.timestamp() * 1_000_000)))
def test_times_are_exact_to_the_microsecond_or_absent(us: int) -> None:
    text = utc(us)
    if text is None:
        assert not -62_135_596_800_000_000 <= us <= 253_402_300_799_999_999
    else:
        since = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
        assert (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds == us


# -- Markdown ------------------------------------------------------------------------------------------------------

COLUMNS = markdown.HEADER[0].count("|") - 1


def cells(lines: list[str]) -> list[list[Token]]:
    """The inline tokens of each cell below the header, as GitHub's dialect reads the table."""
    tokens = MarkdownIt("gfm-like").parse("\n".join([*markdown.HEADER, *lines]))
    kinds = [token.type for token in tokens]
    assert (kinds[0], kinds[-1], kinds.count("table_open")) == ("table_open", "table_close", 1)
    assert kinds.count("tr_open") == 1 + len(lines)
    return [tokens[at + 1].children or [] for at, kind in enumerate(kinds) if kind == "td_open"]


@given(any_entry, notes)
def test_any_entry_is_one_inert_row(read: Entry, note: Note) -> None:
    check_row(markdown.line(read, note))


@pytest.mark.parametrize("text", [text for text in MARKUP if text != "\ud800"])
def test_markup_is_inert_in_every_cell(text: str) -> None:
    for written in (text, f"a{text}", f"{text}b", f"a {text} b", text * 2):
        target = {"id": written, "type": written}
        fields: dict[str, Any] = dict.fromkeys(
            ["id", "action", "client_ip", "created_at", "method", "path", "user_agent"], written
        )
        check_row(
            markdown.line(read(entry(1, actor={**target, "name": written}, target=target, **fields)), Note(written))
        )


def check_row(line: str) -> None:
    """It is one row of a table, and what is not ours in it stands in code spans."""
    assert line.isprintable()
    found = cells([line])
    assert len(found) == COLUMNS
    for tokens in found:
        assert {token.type for token in tokens} <= {"text", "code_inline", "text_special"}
        assert all(token.type == "code_inline" or OURS.fullmatch(token.content) for token in tokens), tokens


OURS = re.compile(r"(\(context\))?[ |?()-]*(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6})?[ |?()-]*")
"""What stands outside code spans: our own punctuation and times."""


@given(texts.map(lambda text: text.encode("utf-8", "replace").decode()))
def test_a_code_span_shows_the_whole_text_defanged(text: str) -> None:
    shown = defang(plain(text))
    tokens = MarkdownIt("gfm-like").parseInline(markdown.code(text))[0].children or []
    assert "".join(token.content for token in tokens) == shown


def row(read: Entry, note: Note = NO_NOTE, before_us: int | None = None) -> list[str]:
    return [cell.strip() for cell in markdown.line(read, note, before_us).strip("|").split("|")]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(100, "+1 m 40 s"), (0.3, "+300 ms"), (0, "0 s"), (-39, "-39 s"), (None, "")]
)
def test_the_time_since_the_row_before_is_signed(seconds: float | None, shown: str) -> None:
    found = read(entry(1))
    assert found.created_us is not None
    before = None if seconds is None else found.created_us - int(seconds * 1_000_000)
    assert row(found, before_us=before)[1] == shown


@pytest.mark.parametrize(
    ("created_at", "shown"),
    [
        ("2026-11-22T10:00:00.5Z", "2026-11-22 10:00:00.500000"),
        ("2026-11-22T10:00:00.000000000Z", "2026-11-22 10:00:00.000000"),
        ("2026-11-22T10:00:00.0000001Z", "2026-11-22 10:00:00.000000 (`2026-11-22T10:00:00.0000001Z`)"),
        ("2026-11-22T10:00:00+02:00", "2026-11-22 08:00:00.000000"),
        ("soon", "? `soon`"),
        (None, "-"),
        (7, "?"),
    ],
)
def test_a_time_is_in_utc_with_the_text_where_that_says_more(created_at: object, shown: str) -> None:
    assert row(read(entry(1, created_at=created_at)))[0] == shown


def test_a_row_tells_absent_from_unreadable_and_names_tags_once() -> None:
    found = row(read(entry(1, actor=7, target=None, status_code="x")), Note("see #a", ("a", "b"), context=True))
    assert (found[3], found[6], found[7]) == ("?", "?", "-")
    assert found[-2:] == ["-", "(context) `see #a` `#b`"]
    assert row(read(entry(1)), Note(marked=True))[-2:] == ["⚑ marked", ""]


def test_the_writer_counts_from_the_last_time_that_can_be_read() -> None:
    writer = Writer("markdown", TableStyle(None, "utc", UTC, 0, UNICODE))
    assert writer.header() == list(markdown.HEADER)
    raws = [json.dumps(entry(n, at=n, **more)) for n, more in enumerate([{}, {"created_at": None}, {}])]
    assert [line.split("|")[2].strip() for line in writer.raw_lines(raws)] == ["", "", "+2 s"]


def test_the_small_log_has_what_the_formats_must_contain() -> None:
    found = entries()
    assert {len(found), len({each.key for each in found})} == {8, 7}
    assert set(FILES) == {"markdown", *JSON_LINES}
