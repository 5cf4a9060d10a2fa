"""Bundles: what is in one, that it is the same each time, that nothing is lost, and that no key is in it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from auditlog_tui.entries.models import read_entry
from auditlog_tui.errors import BundleError
from auditlog_tui.evidence import bundle, container, report
from auditlog_tui.evidence.bundle import DIGESTS, ENTRIES, MANIFEST, NAMES, NOTES, Bundle, read, write
from auditlog_tui.evidence.fields import plain
from auditlog_tui.evidence.statement import Annotation, Ending, Rechecked, Statement
from auditlog_tui.evidence.verify import verify
from tests.effort import THOROUGH
from tests.unit.entries.test_malformed import DAMAGES, FIELDS, damaged
from tests.unit.evidence.bundles import AS_OF_US, REASON, line, made, members, packed, statement
from tests.unit.evidence.bundles import NOTES as SOME_NOTES
from tests.unit.evidence.schemas import CHECKS

LINES = [line(n) for n in range(250)]


def reported(folder: Path, lines: list[bytes] = LINES, **stated: Any) -> str:
    data = made(folder, lines, stated=statement(len(lines), **stated))
    return members(data)["report.md"].decode()


def opened(folder: Path, data: bytes) -> tuple[list[str], list[Annotation], Statement]:
    path = folder / "incident.zip"
    path.write_bytes(data)
    with read(path) as found:
        return list(found.entries()), list(found.notes), found.statement


# -- the same bytes ------------------------------------------------------------------------------------------------


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    first = made(tmp_path, LINES)
    assert made(tmp_path, LINES) == first
    assert list(members(first)) == list(NAMES)
    for other in (
        made(tmp_path, LINES[::-1]), made(tmp_path, LINES, SOME_NOTES[:2]),
        made(tmp_path, LINES, stated=statement(250, by="Sam")),
    ):  # fmt: skip
        assert other != first


def test_its_bytes_are_those_of_the_first_release_on_every_system(tmp_path: Path) -> None:
    """A change here makes bundles of the same version differ: raise the program's version; `verify` looks at it."""
    lines = [line(1, user_agent="🔥 é \U0001fae8 \u202e"), damaged("client_ip", DAMAGES["latin-1"])]
    notes = [Annotation("id-1", True, "🔥 \U0001f6d8", (), AS_OF_US)]
    stated = replace(statement(2, reason=REASON, verdict="INCOMPLETE"), version="0")
    assert (
        sha256(made(tmp_path, lines, notes, stated)).hexdigest()
        == "a55e0bc134939849baf21f74c964a1a6059d400479342b37c6431cbfb1f759a6"
    )


def test_the_locale_and_the_seed_of_hashes_change_nothing(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.unit.evidence.bundles import *;"
        "sys.stdout.buffer.write(made(Path(sys.argv[1]), [line(n, path=f'/ä{n % 7}') for n in range(120)]))"
    )
    results = set()
    for seed, locale, zone in (("1", "C", "UTC"), ("2", "C.UTF-8", "Asia/Tokyo")):
        env = {**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale, "TZ": zone}
        results.add(
            subprocess.run(
                [sys.executable, "-c", program, tmp_path], env=env, capture_output=True, check=True, timeout=120
            ).stdout
        )
    assert len(results) == 1


@pytest.mark.untraced  # much of the same
def test_texts_for_reading_are_the_same_on_every_python() -> None:
    """Each Python knows another version of Unicode; the digest is that of all of them."""
    shown = sha256()
    codes = (*range(0x20000), *range(0xE0000, 0xE0200))
    for at in range(0, len(codes), 1_024):  # at once, because each is shown as it is alone
        text = "".join([f"a{chr(code) * 4}b" for code in codes[at : at + 1_024]])
        shown.update(plain(text, sys.maxsize).encode())
    assert shown.hexdigest() == "4062c2c3e93803b641cdb1c6d2c3c291e6162908f7ed3fbe627f3e216e01efbd"


# -- nothing is lost -----------------------------------------------------------------------------------------------

odd_lines = st.one_of(
    st.builds(line, st.integers(0, 9), path=st.text(max_size=9), user_agent=st.text(max_size=9)),
    st.builds(damaged, st.sampled_from(FIELDS), st.sampled_from([*DAMAGES.values()])),
    st.binary(max_size=40),
    st.sampled_from([b"", b"{}", b"null", b"[" * 3_000, b'{"id":1}', b'{"id":""}', b"\xed\xa0\x80", b"\xff\r\x1b["]),
    st.just(b'{"id":"big","path":"' + b"x" * (1 << 20) + b'"}'),
).map(lambda data: data.replace(b"\n", b" "))  # fmt: skip
texts = st.text(st.characters(exclude_categories=()), max_size=12) | st.sampled_from(["|\n`<b>", "=1+1", "\ud800"])
odd_notes = st.builds(
    Annotation, st.sampled_from(["id-1", "id-2", "big", "gone"]) | texts, st.booleans(), texts,
    st.lists(texts, max_size=2).map(tuple), st.integers(-(1 << 62), 1 << 62), st.booleans(),
)  # fmt: skip


@given(lines=st.lists(odd_lines, max_size=8), notes=st.lists(odd_notes, max_size=4), stated=st.builds(
    statement, st.just(0), query=texts, by=texts, reason=texts, endpoint=texts, low_us=st.none() | st.integers(),
    verdict=st.sampled_from(["COMPLETE", "INCOMPLETE"]), clock_offset_ms=st.none() | st.integers(-999, 999),
))  # fmt: skip
def test_whatever_is_written_is_read_again_and_verified(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], notes: list[Annotation], stated: Statement
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    stated = replace(stated, entries=len(lines))
    entries, annotations, said = opened(folder, made(folder, lines, notes, stated))
    assert [each.encode("utf-8", "surrogateescape") for each in entries] == lines
    assert (annotations, said) == (notes, stated)
    found = verify(folder / "incident.zip")
    assert (found.findings, found.unchecked) == ([], [])


def test_both_versions_of_an_id_are_there_and_have_its_note(tmp_path: Path) -> None:
    lines = [line(3, status_code=200), line(3, status_code=500)]
    found = members(made(tmp_path, lines))
    assert found[ENTRIES].splitlines() == lines
    rows = list(csv.DictReader(io.StringIO(found["entries.csv"].decode())))
    assert [(row["id"], row["status_code"], row["note"]) for row in rows] == [
        ("id-3", "200", "the way in #inc42"), ("id-3", "500", "the way in #inc42"),
    ]  # fmt: skip
    assert found["report.md"].decode().count("the way in #inc42") == 2


def test_each_member_is_what_its_name_says(tmp_path: Path) -> None:
    found = members(made(tmp_path, LINES))
    assert found[ENTRIES] == b"".join(each + b"\n" for each in LINES)
    assert [json.loads(each)["id"] for each in found[NOTES].splitlines()] == ["id-3", "id-4", "id-5"]
    assert len(found["entries.csv"].splitlines()) == 251
    for each in found["timesketch.jsonl"].splitlines():
        CHECKS["timesketch"](json.loads(each))
    marked = [json.loads(each) for each in found["timesketch.jsonl"].splitlines() if b"inc42" in each]
    assert [(each["audit_id"], each["tag"]) for each in marked] == [("id-3", ["inc42"])]


def test_digests_are_of_each_line_and_of_a_chain_of_blocks(tmp_path: Path) -> None:
    found = members(made(tmp_path, LINES))
    lines = found[ENTRIES].splitlines(keepends=True)
    digests = [json.loads(each) for each in found[DIGESTS].splitlines()]
    ours = [each for each in digests if "line" in each]
    assert [(each["line"], each["id"], each["sha256"]) for each in ours] == [
        (n + 1, f"id-{n}", sha256(data).hexdigest()) for n, data in enumerate(lines)
    ]
    blocks = [each for each in digests if "block" in each]
    assert [(each["first"], each["last"]) for each in blocks] == [(1, 100), (101, 200), (201, 250)]
    assert [each["sha256"] for each in blocks] == [
        sha256(b"".join(lines[first : first + 100])).hexdigest() for first in (0, 100, 200)
    ]
    kept = [each for each in found[DIGESTS].splitlines() if each.startswith(b'{"block"')]
    assert [each["previous"] for each in blocks] == [None, *(sha256(each).hexdigest() for each in kept[:-1])]


def test_the_manifest_names_everything_else(tmp_path: Path) -> None:
    found = members(made(tmp_path, LINES))
    manifest = json.loads(found[MANIFEST])
    assert manifest["members"] == [
        {"name": name, "size": len(found[name]), "sha256": sha256(found[name]).hexdigest()} for name in NAMES[:-1]
    ]
    assert manifest["statement"]["by"] == "Robin"
    assert manifest["counts"] == {"marked": 1, "notes": 2, "context": 1}
    assert manifest["times_utc"]["as_of"] == "2027-01-15T08:15:00.000000+00:00"


def test_it_is_what_an_export_can_end_as(tmp_path: Path) -> None:
    ending: Ending = Bundle()
    (tmp_path / "part.jsonl").write_bytes(LINES[0] + b"\n")
    out = io.BytesIO()
    ending.write(tmp_path / "part.jsonl", list(SOME_NOTES), statement(1), out)
    assert ending.states_verdict
    assert out.getvalue() == made(tmp_path, LINES[:1])


# -- what is not written -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "stated", "reason"),
    [
        (b"{}\n{}\n", 3, "There are 2 lines of entries, and the statement says 3"),
        (b"{}\n{}\n", 1, "There are 2 lines of entries, and the statement says 1"),
        (b"{}\n{}", 2, "The last line of the entries has no end"),
    ],
)
def test_a_statement_about_other_entries_is_refused(tmp_path: Path, data: bytes, stated: int, reason: str) -> None:
    (tmp_path / "part.jsonl").write_bytes(data)
    out = io.BytesIO()
    with pytest.raises(BundleError, match=reason):
        write(tmp_path / "part.jsonl", [], statement(stated), out)
    assert out.getvalue() == b""


def test_notes_that_could_not_be_read_again_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "NOTES_LIMIT", 100)
    with pytest.raises(BundleError, match="larger than 100 bytes"):
        made(tmp_path, LINES[:1])


def test_it_can_be_stopped_at_any_write_and_leaves_nothing(tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    class Out(io.BytesIO):
        left = count = 0

        def write(self, data: Any, /) -> int:
            self.left -= 1
            self.count += 1
            if not self.left:
                raise StopError
            return super().write(data)

    (tmp_path / "part.jsonl").write_bytes(LINES[0] + b"\n")
    whole = Out()
    write(tmp_path / "part.jsonl", SOME_NOTES, statement(1), whole)
    for left in range(1, whole.count + 1):
        out = Out()
        out.left = left
        with pytest.raises(StopError):
            write(tmp_path / "part.jsonl", SOME_NOTES, statement(1), out)
    assert [path.name for path in tmp_path.iterdir()] == ["part.jsonl"]


def test_it_can_be_stopped_while_a_member_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a buffer, which would hold back what is written, and before anything but the entries is there."""
    monkeypatch.setattr(container, "CHUNK", 4_096)

    class Out(io.RawIOBase):
        beats = 0

        def writable(self) -> bool:
            return True

        def write(self, data: Any, /) -> int:
            self.beats += not len(data)
            return len(data)

    (tmp_path / "part.jsonl").write_bytes(b"".join(each + b"\n" for each in LINES))
    out = Out()
    write(tmp_path / "part.jsonl", SOME_NOTES, statement(250), io.BufferedWriter(out, 1 << 20))
    passes = len(["lines", "sums", "copy", "csv", "report", "timesketch", "digests"])
    assert out.beats >= passes * ((tmp_path / "part.jsonl").stat().st_size // 4_096)


@pytest.mark.untraced  # in other processes
def test_memory_does_not_grow_with_the_entries(tmp_path: Path) -> None:
    """Bundles of few and many entries of 9 KB, in processes of their own."""
    program = (
        "import resource, sys; from pathlib import Path; from auditlog_tui.evidence.bundle import write;"
        "from auditlog_tui.evidence.verify import verify; from tests.unit.evidence.bundles import *;"
        "folder, count = Path(sys.argv[1]), int(sys.argv[2]);"
        "(folder / 'p').write_bytes(b''.join(line(n, path='/' + 'x' * 9_000) + b'\\n' for n in range(count)))\n"
        "with open(folder / 'b', 'wb') as out: write(folder / 'p', NOTES, statement(count), out)\n"
        "assert not verify(folder / 'b').findings\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = [
        int(
            subprocess.run(
                [sys.executable, "-c", program, tmp_path, str(count)], capture_output=True, check=True
            ).stdout
        )
        for count in (200, 6_000 if THOROUGH else 2_000)
    ]
    unit = 1024 if sys.platform == "darwin" else 1
    assert (peaks[1] - peaks[0]) / unit < 8_000, "16 MB more were read and 80 MB written"


KEY = "nirvana-secret-0123456789abcdef"


def test_no_key_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIRVANA_LABS_API_KEY", KEY)
    monkeypatch.setenv("NIRVANA_LABS_CUSTOM_HEADERS", f"X-Key: {KEY}")
    data = made(tmp_path, LINES)
    assert KEY.encode() not in data
    assert str(tmp_path).encode() not in data


# -- the report ----------------------------------------------------------------------------------------------------


def test_a_complete_one_says_as_of_when(tmp_path: Path) -> None:
    text = reported(tmp_path)
    assert "**COMPLETE as of 2027-01-15T08:15:00.000000Z**" in text
    assert "INCOMPLETE" not in text


def test_an_incomplete_one_can_not_be_overlooked(tmp_path: Path) -> None:
    text = reported(tmp_path, verdict="INCOMPLETE", reason=REASON)
    assert text.splitlines()[2] == "# ⚠ INCOMPLETE: ENTRIES MAY BE MISSING"
    assert f"`{REASON}`" in text
    assert "| verdict | **INCOMPLETE** |" in text
    assert not re.search(r"(?<!IN)COMPLETE", text)


def test_it_says_what_was_asked_and_by_whom(tmp_path: Path) -> None:
    text = reported(tmp_path)
    for each in (
        "| query as typed | `ip:203[.]0[.]113[.]7 last:24h` |", "created:2027-01-14T08:15:00Z..",
        "| API | `hxxps://api[.]nirvanalabs[.]io` |", "| exported by | `Robin` |",
        "| to (UTC) | the end of the log |",
        "| from (UTC) | 2027-01-14T08:15:00.000000Z |", "| server's clock ahead of the exporter's | -12 ms |",
        "| requests | 5 |", "| entries | 250, in 250 lines |",
    ):  # fmt: skip
        assert each in text, each


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ({"profile": "prod"}, "| profile of the exporter's settings | `prod` |"),
        ({"resumed": True}, "| requests | 5 at least: it was broken off, and went on |"),
    ],
)
def test_a_profile_and_a_second_run_are_stated_where_there_are_any(
    stated: dict[str, Any], told: str, tmp_path: Path
) -> None:
    data, plain_one = made(tmp_path, LINES, stated=statement(250, **stated)), made(tmp_path, LINES)
    assert told in members(data)["report.md"].decode()
    manifest, before = (json.loads(members(each)[MANIFEST]) for each in (data, plain_one))
    assert (manifest["format_version"], before["format_version"]) == (2, 1)
    assert manifest["statement"] == before["statement"] | stated
    assert not {"profile", "resumed"} & before["statement"].keys()
    (tmp_path / "a.zip").write_bytes(data)
    assert verify(tmp_path / "a.zip").findings == []
    assert opened(tmp_path, data)[2] == statement(250, **stated)


def test_a_profile_put_into_a_manifest_without_one_is_found(tmp_path: Path) -> None:
    change = edited(MANIFEST, b'"context_us": 0', b'"context_us": 0,\n    "profile": "prod"')
    (tmp_path / "a.zip").write_bytes(change(made(tmp_path, LINES)))
    assert "manifest.json is not as auditlog-tui writes it" in verify(tmp_path / "a.zip").findings[0]


def test_marked_entries_are_a_timeline_with_their_context(tmp_path: Path) -> None:
    text = reported(tmp_path, LINES[::-1])
    rows = [row for row in text.partition("## Marked")[2].partition("## Actors")[0].splitlines() if "id-" in row]
    assert [re.findall(r"`(id-\d)`", row)[0] for row in rows] == ["id-3", "id-5", "id-4"]
    assert [row.split(" | ")[1].strip() for row in rows] == ["", "+2 s", ""]
    assert ["⚑ marked" in row for row in rows] == [True, False, False]
    assert ["(context)" in row for row in rows] == [False, False, True]
    assert text.index("id-5") < text.index("## Context") < text.index("id-4")
    assert "203.0.113.7" not in text


@pytest.mark.parametrize("context_us", [0, 300_000_000])
def test_entries_picked_by_hand_are_said_to_be_so_and_what_is_covered(tmp_path: Path, context_us: int) -> None:
    as_of_us = AS_OF_US if context_us else None
    more: dict[str, Any] = {
        "query": "marked:yes",
        "frozen": "marked:yes",
        "low_us": None,
        "by": "",
        "as_of_us": as_of_us,
    }
    notes = SOME_NOTES if context_us else SOME_NOTES[::2]
    stated = statement(3, picked="marked", context_us=context_us, **more)
    text = members(made(tmp_path, LINES[3:6], notes, stated))["report.md"].decode()
    picked = 2 if context_us else 3
    as_of = " as of 2027-01-15T08:15:00.000000Z" if context_us else ""
    assert f"**COMPLETE{as_of}**: {picked} entries picked by hand (marked)" in text
    assert ("every entry that was in the log within 5 m of one of them" in text) == bool(context_us)
    assert "**The rest of the log is not covered:**" in text
    assert f"| picked by hand | {picked} (marked) |" in text
    assert ("| context | 1, within 5 m of these |" if context_us else "| context | none |") in text
    assert "| exported by | not given |" in text
    for wrong in (
        "beginning of the log",
        "end of the log",
        "unknown |\n| server",
        "every entry that matches",
        ".zip",
    ):
        assert wrong not in text


def test_an_unknown_time_is_not_told_as_one(tmp_path: Path) -> None:
    text = reported(tmp_path, as_of_us=None)
    assert "**COMPLETE**: every entry that matches" in text
    assert "as of" not in text


def test_actors_and_addresses_have_first_and_last_seen_and_counts(tmp_path: Path) -> None:
    lines = [
        line(1, client_ip="198.51.100.1"), line(2, client_ip="198.51.100.1"), line(3, client_ip="203.0.113.7"),
        line(4, created_at="yesterday", client_ip="203.0.113.7"), damaged("client_ip", b"5", 9),
    ]  # fmt: skip
    text = reported(tmp_path, lines)
    addresses = [row for row in text.partition("## Addresses")[2].splitlines() if row.startswith("| `")]
    assert addresses == [
        "| `203[.]0[.]113[.]7` | 2 | 1 | 2027-01-15T08:00:03.000000Z | 2027-01-15T08:00:03.000000Z |",
        "| `198[.]51[.]100[.]1` | 2 | 0 | 2027-01-15T08:00:01.000000Z | 2027-01-15T08:00:02.000000Z |",
    ]
    assert "| (none that can be read) | 1 | 0 |" in text
    assert "| `Alice` `user` `actor-1` | 5 | 1 |" in text


def test_many_addresses_are_listed_in_part_and_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MOST_VALUES", 150)
    lines = [line(n, client_ip=f"10.0.{n // 100}.{n % 100}") for n in range(250)]
    text = reported(tmp_path, lines).partition("## Addresses")[2]
    assert text.count("| `10[.]") == 100
    assert "50 more are not listed here." in text
    assert "100 lines with still others are not counted here." in text
    monkeypatch.setattr(report, "MOST_VALUES", 0)
    assert "`10[.]0[.]0[.]3`" in reported(tmp_path, lines).partition("## Addresses")[2], (
        "a marked one is never left out"
    )


def test_long_values_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    text = reported(tmp_path, [line(n, client_ip="x" * 300 + str(n)) for n in range(2)])
    rows = [row for row in text.partition("## Addresses")[2].splitlines() if row.startswith("| `xxx")]
    assert len(set(rows)) == 2
    assert max(map(len, rows)) < 400


def test_without_marks_it_says_so(tmp_path: Path) -> None:
    assert "No entry is marked or has a note." in reported(tmp_path, [line(99)])
    assert "3 lines of notes.jsonl belong to entries that are not in this bundle." in reported(tmp_path, [line(99)])


@given(
    hostile=st.sampled_from(
        ["</code><script>", "![x](http://e.vil)", "` | ``", "\n# COMPLETE", "<!--", "@all http://e.vil/x"]
    )
)
def test_hostile_texts_stay_in_code_spans(tmp_path_factory: pytest.TempPathFactory, hostile: str) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    lines = [line(3, path=hostile, client_ip=hostile, actor={"id": hostile, "name": hostile, "type": hostile})]
    notes = [Annotation("id-3", True, hostile, (hostile,))]
    stated = statement(
        1, query=hostile, frozen=hostile, by=hostile, reason=hostile, endpoint=hostile, verdict="INCOMPLETE"
    )
    text = members(made(folder, lines, notes, stated))["report.md"].decode()
    tokens = MarkdownIt("gfm-like").parse(text)
    inline = [each for token in tokens for each in token.children or ()]
    assert {each.type for each in inline} <= {"text", "code_inline", "softbreak", "strong_open", "strong_close"}
    assert not any("vil" in each.content or "script" in each.content for each in inline if each.type == "text")
    assert [t.content for n, t in enumerate(tokens) if tokens[n - 1].type == "heading_open"] == [
        "Evidence from the audit log", "⚠ INCOMPLETE: ENTRIES MAY BE MISSING", "Marked entries and notes", "Actors",
        "Addresses", "How to check it",
    ]  # fmt: skip


# -- reading -------------------------------------------------------------------------------------------------------


def test_entries_can_be_read_twice_and_their_size_tells_how_far(tmp_path: Path) -> None:
    (tmp_path / "incident.zip").write_bytes(made(tmp_path, LINES))
    with read(tmp_path / "incident.zip") as found:
        once, again = list(found.entries()), list(found.entries())
        assert once == again
        assert [read_entry(text).key for text in once] == [f"id-{n}" for n in range(250)]
        assert sum(len(text.encode("utf-8", "surrogateescape")) + 1 for text in once) == found.size


def put(name: str, content: bytes) -> Callable[[bytes], bytes]:
    """A change that puts another content in a member's place."""
    return lambda data: packed({**members(data), name: content})


RECHECKED = Rechecked(
    from_us=AS_OF_US, to_us=AS_OF_US, same=0, changed=0, gone=3, expired=0, unasked=1, changes=(),
    missing=("id-3", "id-4", "id-5"), unclear="None of the 3 entries is in this log.",
)  # fmt: skip
"""As it was stated before there were more results."""


@pytest.mark.parametrize(
    ("more", "version", "told"),
    [
        ({}, 2, "4 of the 250 entries here were asked for again by their IDs: 0 same, 0 changed, 3 gone"),
        (
            {"gone": 0, "missing": (), "untold": 3},
            3,
            "0 of the 250 entries here were re-checked by their IDs, 3 can't be told: 0 same",
        ),
        (
            {"failed": 2},
            3,
            "3 of the 250 entries here were re-checked by their IDs, 2 failed: 0 same, 0 changed, 3 gone",
        ),
        (
            {"other": 1},
            3,
            "re-checked by their IDs, 1 answered with another entry: 0 same, 0 changed, 3 gone, 1 can't",
        ),
    ],
)
def test_results_of_a_recheck_that_came_later_are_stated_where_there_are_any(
    more: dict[str, Any], version: int, told: str, tmp_path: Path
) -> None:
    stated = statement(250, rechecked=replace(RECHECKED, **more))
    data = made(tmp_path, LINES, stated=stated)
    manifest = json.loads(members(data)[MANIFEST])
    assert manifest["format_version"] == version
    later = {"untold", "other", "failed"}
    assert manifest["statement"]["rechecked"].keys() & later == more.keys() & later
    report = members(data)["report.md"].decode()
    assert told in report
    assert report.count(" | gone |") == len(more.get("missing", RECHECKED.missing))
    (tmp_path / "a.zip").write_bytes(data)
    assert verify(tmp_path / "a.zip").findings == []
    assert opened(tmp_path, data)[2] == stated


def edited(name: str, old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """A change of some bytes of a member."""
    return lambda data: packed({**members(data), name: members(data)[name].replace(old, new)})


UNSOUND: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "appended": (lambda data: data + b"x", "more after its end"),
    "prefixed": (lambda data: b"x" + data, "does not begin with a member"),
    "cut at its end": (lambda data: data[:-1], "its end is missing"),
    "cut": (lambda data: data[:99], "no whole bundle"),
    "empty": (lambda data: b"", "no bundle"),
    "no zip": (lambda data: b'{"id":"x"}\n', "no bundle"),
    "other entries": (put(ENTRIES, b"{}\n"), "sizes differ from its manifest"),
    "empty manifest": (put(MANIFEST, b"{}"), "not a manifest"),
    "deep manifest": (put(MANIFEST, b"[" * 99_999), "not a manifest"),
    "manifest of bytes": (put(MANIFEST, b"\xff"), "not a manifest"),
    "manifest of digits": (put(MANIFEST, b"9" * 9_999), "not a manifest"),
    "huge manifest": (put(MANIFEST, b" " * (1 << 20) + b"{}"), "larger than"),
    "newer": (edited(MANIFEST, b'"format_version": 1', b'"format_version": 4'), "A newer auditlog-tui made it"),
    "another verdict": (edited(MANIFEST, b'"COMPLETE"', b'"PERFECT"'), "not a manifest of this version"),
    "another type": (edited(MANIFEST, b'"requests": 5', b'"requests": []'), "not a manifest of this version"),
    "note with another type": (edited(NOTES, b"true", b'"no"'), "Line 1 of notes.jsonl"),
    "note of bytes": (edited(NOTES, b"Sam", b"S\xffm"), "notes.jsonl|sizes"),
    "tag of another type": (edited(NOTES, b'"inc42"', b"1234567"), "Line 1 of notes.jsonl"),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_what_is_no_sound_bundle_is_refused(tmp_path: Path, name: str) -> None:
    change, reason = UNSOUND[name]
    (tmp_path / "incident.zip").write_bytes(change(made(tmp_path, LINES)))
    with pytest.raises(BundleError, match=reason) as raised, read(tmp_path / "incident.zip"):
        pass
    assert str(raised.value).isprintable()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "nothing", Path("/dev/zero")):
        with pytest.raises(OSError, match=r"It is|No such"), read(path):
            pass


def test_a_line_that_is_too_long_is_an_error_where_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "incident.zip").write_bytes(made(tmp_path, [line(1, path="x" * 5_000)]))
    monkeypatch.setattr(container, "CHUNK", 1_000)
    monkeypatch.setattr(container, "LINE_LIMIT", 2_000)
    with read(tmp_path / "incident.zip") as found, pytest.raises(BundleError, match="longer than 2,000 bytes"):
        list(found.entries())
