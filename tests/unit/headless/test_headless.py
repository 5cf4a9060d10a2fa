import csv
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from io import BytesIO, StringIO
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from auditlog_tui.api.client import AuditLogApi, AuditLogClient
from auditlog_tui.api.retry import Wait
from auditlog_tui.demo import demo_log
from auditlog_tui.errors import AuditLogError, ServerError
from auditlog_tui.evidence.fields import NO_NOTE, Note
from auditlog_tui.evidence.formats import TableStyle, Writer, one_line, terminal_line
from auditlog_tui.headless.listing import Listing, Printer, count_matching
from auditlog_tui.headless.run import pointed
from auditlog_tui.headless.streams import Out, Progress, standard_out
from auditlog_tui.log.log import Log
from auditlog_tui.log.walk import Walk
from auditlog_tui.offline.transport import OfflineTransport
from auditlog_tui.query.seen_values import Unseen
from auditlog_tui.session.typed_filter import FilterError, read_filter
from auditlog_tui.settings.command_line import FORMATS, command_of, split, without_command
from auditlog_tui.settings.redactor import Redactor
from auditlog_tui.store.entries import EntryStore
from auditlog_tui.text.glyphs import ASCII, UNICODE
from tests.opened import lasting
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, Json, entry, log_of, read
from tests.unit.views import query_of

UNTIL = datetime(2026, 11, 20, tzinfo=UTC)
ENTRIES = 700
LOOK = TableStyle(None, "utc", UTC, START_US, UNICODE)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@lru_cache
def transport_of(generation: int) -> OfflineTransport:
    with lasting():
        return OfflineTransport(demo_log(entries=ENTRIES, until=UNTIL), generation=generation)


def client_of(generation: int) -> AuditLogClient:
    return AuditLogClient(base_url="http://127.0.0.1", key="any", transport=transport_of(generation))


def log_over(api: AuditLogApi) -> Log:
    log = Log(api, EntryStore())
    log.store.seen = Unseen()
    return log


async def listed(
    api: AuditLogApi, text: str = "", *, form: str = "jsonl", limit: int | None = None, look: TableStyle = LOOK
) -> tuple[list[str], str]:
    """The lines written for a filter, and what was said to be missing."""
    log, sink = log_over(api), BytesIO()
    printer = Printer(log.store, Writer(form, look), Out(sink, Progress(None)))
    walk = Walk(log, query_of(text))
    try:
        missing = await Listing(walk, printer, limit).go()
    except AuditLogError as error:
        missing = str(error)
    return sink.getvalue().decode().splitlines(), missing


async def written(api: AuditLogApi, writer: Writer) -> list[str]:
    """The lines of the whole log by a writer."""
    log, sink = log_over(api), BytesIO()
    await Listing(Walk(log, query_of("")), Printer(log.store, writer, Out(sink, Progress(None)))).go()
    return sink.getvalue().decode().splitlines()


async def counted(api: AuditLogApi, text: str = "") -> tuple[int, str]:
    return await count_matching(log_over(api), query_of(text), lambda walk: None)


@pytest.mark.parametrize("between", [0, 15], ids=["side by side", "pages apart"])
@pytest.mark.parametrize("ignores", [(), EVERY_FILTER], ids=["pushed", "evaluated here"])
@pytest.mark.parametrize("text", ["", "ua:second", "status:500", "sort:path"])
async def test_evidence_has_every_text_that_came_under_an_id(
    text: str, ignores: frozenset[str], between: int
) -> None:
    begun = entry(7, path="/begun", user_agent="first")
    failed = entry(7, at=7 + between, status_code=500, path="/failed", user_agent="second")
    log = log_of(30)
    log[7] = begun
    lines, missing = await listed(FakeApi([*log, failed], ignores=ignores, page_size=5), text)
    assert not missing
    assert len(lines) == len(set(lines))
    paths = [json.loads(line)["path"] for line in lines if json.loads(line)["id"] == "id-7"]
    assert sorted(paths) == (["/failed"] if text == "status:500" and not ignores else ["/begun", "/failed"])
    assert len(lines) == (31 if text in ("", "sort:path") else len(paths))
    rows, _ = await listed(FakeApi([*log, failed], ignores=ignores, page_size=5), text, form="ids")
    assert len(rows) == len(set(rows)) == (30 if text in ("", "sort:path") else 1)


def ids(lines: Sequence[str]) -> list[str]:
    return [json.loads(line)["id"] for line in lines]


def untied(lines: Sequence[str]) -> list[str]:
    """The lines, those of one instant sorted: which of them comes first is nobody's promise."""
    by_instant = groupby(lines, lambda line: json.loads(line)["created_at"])
    return [line for _, tied in by_instant for line in sorted(tied)]


def newest_first(count: int) -> list[str]:
    return [f"id-{number}" for number in reversed(range(count))]


# -- list ----------------------------------------------------------------------------------------------------------


QUERIES = (
    "", "status:>=400", "method:DELETE", "method:get", "-method:GET", "actor.type:api_key path:/volumes",
    "action:*.deleted", "actor.name:terraform -status:2xx", "sort:created", "sort:-status,created",
    "status:>=300 sort:status,-created", "sort:actor.name,created", "created:>=2026-11-19T12:00Z",
    "target:none method:GET", "path:~keys$", "nothing-like-it",
)  # fmt: skip


@pytest.mark.parametrize("text", QUERIES)
@pytest.mark.parametrize("limit", [None, 7])
async def test_both_generations_give_the_same(text: str, limit: int | None) -> None:
    found = [await listed(client_of(generation), text, limit=limit) for generation in (1, 2)]
    assert untied(found[0][0]) == untied(found[1][0])
    assert [missing for _, missing in found] == ["", ""]


@pytest.mark.parametrize("text", QUERIES)
async def test_a_count_is_that_of_the_list(text: str) -> None:
    lines, _ = await listed(client_of(2), text)
    for generation in (1, 2):
        assert await counted(client_of(generation), text) == (len(lines), "")


async def test_every_entry_is_written_as_it_came() -> None:
    client, raws = client_of(2), []
    cursor = None
    while True:
        page = await client.list({}, limit=100, cursor=cursor)
        raws += [entry.raw for entry in page.entries]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(raws) == ENTRIES
    assert await listed(client_of(2)) == (raws, "")


async def test_pages_are_written_as_they_come() -> None:
    api, sink = FakeApi(log_of(500)), BytesIO()
    log = log_over(api)
    walk = Walk(log, query_of(""))
    seen = []

    class Watched(Printer):
        def rows(self, run: Any, first: int, count: int) -> None:
            seen.append((len(api.calls), count))
            super().rows(run, first, count)

    await Listing(walk, Watched(log.store, Writer("ids", LOOK), Out(sink, Progress(None)))).go()
    assert seen == [(calls, 100) for calls in range(1, 6)]


async def test_a_limit_stops_fetching() -> None:
    api = FakeApi(log_of(1_000))
    lines, missing = await listed(api, limit=150)
    assert (ids(lines), missing) == (newest_first(1_000)[:150], "")
    assert len(api.calls) == 2


async def test_an_order_that_the_first_page_can_not_show_is_asked_for() -> None:
    """All that came is in the server's own order too: only the reverse tells whether it obeys."""
    log = [entry(number, status_code=500 if number >= 50 else 200) for number in range(300)]
    obeying, ignoring = FakeApi(log), FakeApi(log, ignores=["sort"])
    assert await listed(obeying, "sort:-status,-created", limit=5) == await listed(
        ignoring, "sort:-status,-created", limit=5
    )
    assert obeying.calls[-1][0]["sort"] == "status_code:asc,created_at:asc"
    assert len(obeying.calls) == 2
    assert len(ignoring.calls) > 3


async def test_a_cursor_that_dies_is_gone_past() -> None:
    lines, missing = await listed(FakeApi(log_of(500), trouble={3: "refuse"}))
    assert (ids(lines), missing) == (newest_first(500), "")


async def test_a_server_that_breaks_off_for_good_is_told() -> None:
    class Looping(FakeApi):
        async def list(self, params: Any, *, limit: int, cursor: str | None = None) -> Any:
            self.trouble[len(self.calls) + 1] = "repeat" if cursor else ""
            return await super().list({}, limit=limit, cursor=cursor)

    lines, missing = await listed(Looping(log_of(500)))
    assert ids(lines) == newest_first(500)[: len(lines)]
    assert len(lines) < 500
    assert missing.startswith("Incomplete: the server repeated a cursor")
    assert "is missing" in missing


async def test_an_error_in_the_middle_keeps_what_was_written() -> None:
    lines, missing = await listed(FakeApi(log_of(500), trouble={3: "error"}))
    assert ids(lines) == newest_first(500)[:200]
    assert missing == "The server failed."


async def test_what_was_written_is_not_written_again_when_a_parameter_turns_out_to_be_ignored() -> None:
    class Late(FakeApi):
        """Refuses canaries with an error, and contradicts the filter on the second page only."""

        async def list(self, params: Any, *, limit: int, cursor: str | None = None) -> Any:
            if limit == 10:
                raise ServerError("no counts here")
            return await super().list(params, limit=limit, cursor=cursor)

    log = [entry(number, method="GET" if number >= 100 or number % 2 else "PUT") for number in range(300)]
    lines, missing = await listed(Late(log, ignores=["method"]), "method:GET")
    assert ids(lines) == [f"id-{n}" for n in reversed(range(300)) if n >= 100 or n % 2]
    assert not missing


async def test_nothing_found_is_no_line_but_the_header_of_csv() -> None:
    for form, header in (("jsonl", 0), ("ids", 0), ("table", 0), ("csv", 1), ("markdown", 2), ("ocsf", 0)):
        lines, missing = await listed(FakeApi(log_of(5)), "method:PATCH", form=form)
        assert (len(lines), missing) == (header, "")


# -- count ---------------------------------------------------------------------------------------------------------


async def test_a_proven_count_costs_the_smallest_page_twice_and_the_canaries() -> None:
    api = FakeApi([entry(number, method="GET" if number % 2 else "PUT") for number in range(300)])
    assert await counted(api, "method:GET sort:created") == (150, "")
    assert [limit for _, limit, _ in api.calls] == [10, 10, 10]
    assert api.calls[0][0] == {"method": "GET"}


async def test_a_count_without_a_filter_is_one_request() -> None:
    api = FakeApi(log_of(300))
    assert await counted(api) == (300, "")
    assert len(api.calls) == 1


@pytest.mark.parametrize("ignores", [EVERY_FILTER, {"method"}])
async def test_a_count_that_is_not_proven_is_walked(ignores: set[str]) -> None:
    log = [entry(number, method="GET" if number >= 100 else "PUT") for number in range(300)]
    assert await counted(FakeApi(log, ignores=ignores), "method:GET") == (200, "")


async def test_a_server_that_tells_no_total_is_walked() -> None:
    api = FakeApi(log_of(300), trouble=dict.fromkeys(range(1, 20), "no total"))
    assert await counted(api) == (300, "")


async def test_a_count_of_a_walk_that_broke_off_says_so() -> None:
    class Looping(FakeApi):
        async def list(self, params: Any, *, limit: int, cursor: str | None = None) -> Any:
            self.trouble[len(self.calls) + 1] = "repeat" if cursor else ""
            return await super().list({}, limit=limit, cursor=cursor)

    number, missing = await counted(Looping(log_of(500)), "-method:GET")
    assert number < 500
    assert missing.startswith("Incomplete")


# -- formats -------------------------------------------------------------------------------------------------------


def test_a_line_is_the_json_as_it_came() -> None:
    raw = '{"b":1.10, "a":"\\u00e9", "a" : 1e5,"x":"a\\"b"}'
    assert one_line(raw) == raw


def test_breaks_outside_strings_become_a_space() -> None:
    raw = '{\n  "a": "x\\ny  z",\r\n\t"b": [1,\n 2]\n}'
    line = one_line(raw)
    assert line == '{ "a": "x\\ny  z", "b": [1, 2] }'
    assert json.loads(line) == json.loads(raw)


def test_a_break_inside_a_string_becomes_its_escape() -> None:
    assert json.loads(one_line('{"a": "x\ny"}')) == {"a": "x\ny"}


def test_a_terminal_gets_nothing_that_it_obeys_and_the_same_json() -> None:
    hostile = "\x7f\x9b31m\u202e\u2028\u200b😀é\U000e0041\x85"
    raw = json.dumps({"ua": hostile}, ensure_ascii=False).replace(": ", ":\t")
    line = terminal_line(raw)
    assert json.loads(line) == {"ua": hostile}
    assert line.isprintable()
    assert "😀é" in line


def test_a_terminal_of_ascii_gets_ascii() -> None:
    assert terminal_line('{"a":"é😀"}', ascii_only=True) == '{"a":"\\u00e9\\ud83d\\ude00"}'


async def in_format(form: str, *data: Json, look: TableStyle = LOOK) -> list[str]:
    return (await listed(FakeApi(list(data)), form=form, look=look))[0]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "  =1", "\ufeff=1", "\t=1", "\rx", "＝1"])
async def test_csv_neutralises_formulas(text: str) -> None:
    _, line = await in_format("csv", entry(1, user_agent=text))
    assert ",'" in line
    assert "\t" not in line


async def test_csv_names_its_columns_and_keeps_what_can_not_be_read() -> None:
    header, line = await in_format("csv", entry(1, status_code="abc", target=None))
    assert header.startswith("id,created_at,action,actor.id,actor.name")
    assert '"""abc"""' in line
    assert line.endswith(",,")


async def test_csv_has_columns_for_notes_where_they_are_asked_for() -> None:
    notes = {"id-1": Note("=see, #inc42", ("inc42", "bad"), marked=True), "id-2": Note(context=True)}
    writer = Writer("csv", LOOK, notes=lambda key: notes.get(key, NO_NOTE))
    lines = await written(FakeApi(log_of(3)), writer)
    assert lines[0].endswith(",target.type,marked,note,tags,context")
    rows = list(csv.DictReader(lines))
    assert [[row[name] for name in ("id", "marked", "note", "tags", "context")] for row in rows] == [
        ["id-2", "false", "", "", "true"],
        ["id-1", "true", "'=see, #inc42", "inc42 bad", "false"],
        ["id-0", "false", "", "", "false"],
    ]


@pytest.mark.parametrize("form", ["markdown", "timesketch", "ocsf", "ecs"])
async def test_a_format_for_other_tools_has_a_line_for_every_version_and_its_note(form: str) -> None:
    log = [*log_of(6), entry(3, at=4, path="/second")]
    writer = Writer(form, LOOK, notes=lambda key: Note(f"note on {key}"))
    lines = await written(FakeApi(log, page_size=2), writer)
    rows = lines[2:] if form == "markdown" else lines
    assert len(rows) == 7
    assert sum("note on id-3" in line for line in rows) == 2
    assert sum("/second" in line for line in rows) == 1


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "jsonl"])
async def test_no_format_but_jsonl_lets_a_control_character_through(form: str) -> None:
    hostile = "a\x1b]52;c;x\x07\n\t\x9b\u202eb"
    data = entry(1, id=hostile, action=hostile, user_agent=hostile, path=hostile, created_at=hostile)
    for line in await in_format(form, data):
        assert line.isprintable()


async def test_a_table_for_a_pipe_cuts_nothing_and_has_a_header() -> None:
    path = "/v1/" + "x" * 300
    header, line = await in_format("table", entry(1, path=path))
    assert header.startswith("TIME")
    assert path in line
    assert "\t" not in line


@pytest.mark.parametrize(
    ("actor", "shown"),
    [
        ({"id": "key-1", "name": None, "type": "api_key"}, "api_key key-1"),
        ({"id": "key-1", "name": None}, "key-1"),
        ({"name": None, "type": "api_key"}, "api_key"),
        ({"id": "key-1", "name": "ci", "type": "api_key"}, "ci"),
    ],
)
async def test_a_table_tells_an_actor_without_a_name_by_kind_and_id(actor: Json, shown: str) -> None:
    _, line = await in_format("table", entry(1, actor=actor))
    assert f"  {shown}  " in line


@pytest.mark.parametrize("width", [None, 20, 80, 120])
async def test_a_table_in_a_zone_says_the_offset_of_every_row(width: int | None) -> None:
    for created, shown in (
        ("2026-11-01T05:30:00Z", "2026-11-01 01:30:00-04"),
        ("2026-11-01T06:30:00Z", "2026-11-01 01:30:00-05"),
        ("2026-11-01T07:30:00Z", "2026-11-01 02:30:00-05"),
    ):
        look = TableStyle(width, "local", ZoneInfo("America/New_York"), START_US, UNICODE)
        line = (await in_format("table", entry(1, created_at=created), look=look))[-1]
        assert line.startswith(shown if width != 20 else shown[:19])
        assert width is None or len(line) <= width
        assert created in (await in_format("csv", entry(1, created_at=created), look=look))[1]


async def test_a_table_for_a_pipe_stays_aligned() -> None:
    paths = ["/v1/keys", "/v1/" + "x" * 40, "/v1"]
    header, *lines = await in_format("table", *(entry(n, path=path) for n, path in enumerate(paths, 1)))
    assert {line.index("/v1") for line in lines} == {header.index("PATH")}
    assert {len(line[: line.rindex("  ")].rstrip()) > header.index("PATH") for line in lines} == {True}
    assert len({line.rindex(" ") for line in lines}) == 1


async def test_a_table_has_the_columns_that_were_chosen() -> None:
    look = replace(LOOK, columns=("status", "ua"))
    header, line = await in_format("table", entry(1, user_agent="curl/8"), look=look)
    assert header.split() == ["TIME", "ACTION", "ST", "AGENT"]
    assert line.endswith("200  curl/8")


@pytest.mark.parametrize("width", [20, 80, 120, 200])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
async def test_a_table_on_a_terminal_never_wraps(width: int, glyphs: Any) -> None:
    look = TableStyle(width, "utc", UTC, START_US, glyphs)
    header, line = await in_format("table", entry(1, path="/v1/" + "ü漢" * 300), look=look)
    assert header.startswith("TIME")
    assert max(len(header), len(line)) <= width
    assert line.startswith("2027-01-15 08:00:01")


async def test_an_entry_without_an_id_has_its_fingerprint() -> None:
    data = entry(1)
    del data["id"]
    assert await in_format("ids", data) == [read(data).key]


# -- the command line ----------------------------------------------------------------------------------------------


def test_a_command_is_the_first_word_only() -> None:
    assert command_of(["list", "x"]) == "list"
    assert command_of(["--demo", "--zone", "local", "count", "x"]) == "count"
    assert command_of(["list status:403"]) == "list"
    assert [command_of(words) for words in ([], ["x", "list"], ["--", "list"], ["lists"], ['"list"'])] == [""] * 5
    assert without_command(["--zone", "local", "list status:403", "x"]) == ["--zone", "local", "status:403", "x"]


@pytest.mark.parametrize(
    ("arguments", "words", "flags"),
    [
        (["-method:GET", "--demo"], ["-method:GET"], ["--demo"]),
        (["--zone", "-utc", "x", "-yy"], ["x", "-yy"], ["--zone=-utc"]),
        (["-n", "3", '-"n"', "-o", "-zone"], ["3", '-"n"'], ["-n", "-o", "-zone"]),
        (["--", "--demo", "-h"], ["--demo", "-h"], []),
        (["-h:x", "-h"], ["-h:x"], ["-h"]),
        (["--method:GET", "--zone"], [], ["--method:GET", "--zone"]),
        (["--zone=utc", "a", "-"], ["a", "-"], ["--zone=utc"]),
    ],
)
def test_words_and_flags_are_told_apart(arguments: list[str], words: list[str], flags: list[str]) -> None:
    assert split(arguments, {"--zone"}) == (words, flags)


def pointed_at(text: str, views: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(FilterError) as caught:
        read_filter(text, views or {}, Redactor()).query(START_US, UTC)
    return pointed(caught.value).splitlines()


def test_a_filter_that_can_not_be_read_is_pointed_at() -> None:
    _, shown, marks, hint = pointed_at("method:GET statsu:403 x")
    assert shown == "  method:GET statsu:403 x"
    assert marks == "             " + "^" * len("statsu:403")
    assert "status" in hint


def test_the_marks_stand_below_the_term_whatever_comes_before_it() -> None:
    _, shown, marks, *_ = pointed_at("漢字\x1b statsu:403")
    assert shown == "  漢字␛ statsu:403"
    assert marks.index("^") == 2 + 6
    assert len(marks.strip()) == len("statsu:403")


def test_an_error_after_a_saved_view_points_at_the_text_it_stands_for() -> None:
    _, shown, marks, *_ = pointed_at("@mine statsu:403", {"mine": "method:DELETE"})
    assert shown == "  method:DELETE statsu:403"
    assert marks.index("^") == shown.index("statsu")


def test_an_unknown_view_points_at_its_name() -> None:
    _, shown, marks, *_ = pointed_at("status:403 @mien", {"mine": "method:DELETE"})
    assert marks.index("^") == shown.index("@mien")


# -- progress ------------------------------------------------------------------------------------------------------


def test_progress_is_for_terminals() -> None:
    stream = StringIO()
    progress = Progress(stream)
    progress.draw()
    progress.note("a note")
    assert not stream.getvalue()


def test_only_a_write_to_a_file_cannot_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with (tmp_path / "file").open("w") as file, os.fdopen(writing, "w") as pipe, os.fdopen(reading):
        for stream, may_block in ((file, False), (pipe, True)):
            monkeypatch.setattr("sys.stdout", stream)
            out, _ = standard_out(Progress(None))
            out.lines(["data"])
            assert out.may_block is may_block
    assert (tmp_path / "file").read_text() == "data\n"


def test_progress_is_taken_away_before_data_is_written() -> None:
    stream, sink = Terminal(), BytesIO()
    progress = Progress(stream)
    progress.describe = lambda: "12 fetched"
    progress.draw()
    assert stream.getvalue().startswith("\r12 fetched")
    Out(sink, progress).lines(["data"])
    assert stream.getvalue().endswith(" \r")
    assert sink.getvalue() == b"data\n"


def test_a_wait_is_shown_while_it_lasts() -> None:
    stream = Terminal()
    progress = Progress(stream)
    progress.describe = lambda: "12 fetched"
    progress.on_wait(Wait("503 \x1b[31m", 2, 3, 0.0))
    assert "waiting 1 s, then attempt 2 of 3: 503 ␛[31m" in stream.getvalue()
    progress.on_wait(None)
    assert stream.getvalue().rpartition("\r")[2].startswith("12 fetched")


def test_a_wait_that_the_text_tells_of_does_not_replace_it() -> None:
    stream = Terminal()
    progress = Progress(stream)
    progress.describe, progress.tells = lambda: "12 fetched", lambda wait: wait.status == 429
    progress.on_wait(Wait("429", 2, 3, 0.0, status=429))
    assert stream.getvalue().rpartition("\r")[2].startswith("12 fetched")
    progress.on_wait(Wait("500", 2, 3, 0.0, status=500))
    assert "attempt 2 of 3: 500" in stream.getvalue()
