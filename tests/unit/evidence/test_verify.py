"""`verify`: every change is found, and what was done to which entry is told."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.errors import BundleError
from auditlog_tui.evidence import container, digests
from auditlog_tui.evidence.bundle import CSV, DERIVED, DIGESTS, ENTRIES, MANIFEST, NAMES, NOTES
from auditlog_tui.evidence.container import Region
from auditlog_tui.evidence.digests import differences, digest_lines
from auditlog_tui.evidence.verify import Verification, read_digest, verify
from tests.effort import BRIEF, THOROUGH
from tests.unit.evidence.bundles import (
    NOTES as SOME_NOTES,
)
from tests.unit.evidence.bundles import (
    content_of,
    forged,
    line,
    made,
    members,
    packed,
    rewritten,
    statement,
)

LINES = [line(n, user_agent="curl" * (n % 5)) for n in range(130)]
CHANGES = 500 if THOROUGH else 20 if BRIEF else 60


@cache
def sound() -> bytes:
    with TemporaryDirectory() as folder:
        return made(Path(folder), LINES)


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., Verification]:
    def run(data: bytes, expected: str = "") -> Verification:
        (tmp_path / "incident.zip").write_bytes(data)
        return verify(tmp_path / "incident.zip", expected)

    return run


Check = Callable[..., Verification]


def manifest_digest(data: bytes) -> str:
    return sha256(members(data)[MANIFEST]).hexdigest()


def with_entries(lines: list[bytes]) -> bytes:
    """The bundle with other entries in it, its other members as they were."""
    return packed({**members(sound()), ENTRIES: b"".join(each + b"\n" for each in lines)})


# -- nothing changed -----------------------------------------------------------------------------------------------


def test_a_bundle_as_written_is_unchanged(check: Check) -> None:
    found = check(sound())
    assert (found.findings, found.unchecked, found.proven) == ([], [], False)
    assert found.sha256 == manifest_digest(sound())
    assert found.statement == statement(len(LINES))


def test_it_is_proven_only_by_the_manifests_digest(check: Check) -> None:
    assert check(sound(), manifest_digest(sound())).proven
    found = check(sound(), "0" * 64)
    assert not found.proven
    assert found.findings == ["manifest.json is not the one whose SHA-256 was given: it was changed or replaced."]


@pytest.mark.parametrize("text", ["ab" * 32, "AB" * 32, f"sha256:{'ab' * 32}", f" SHA256:{'ab' * 32}\n"])
def test_a_digest_is_read_as_people_pass_it_on(text: str) -> None:
    assert read_digest(text) == "ab" * 32


@pytest.mark.parametrize("text", ["", "ab", "x" * 64, "ab" * 33, "ab" * 20])
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(BundleError, match="64 hexadecimal digits"):
        read_digest(text)


def test_an_empty_bundle_is_one(tmp_path: Path, check: Check) -> None:
    assert check(made(tmp_path, [], [])).findings == []


# -- forgeries in which everything agrees --------------------------------------------------------------------------


def test_a_rewritten_manifest_passes_only_without_its_digest(check: Check) -> None:
    other = forged(LINES[:-1], SOME_NOTES, statement(len(LINES) - 1))
    found = check(other)
    assert (found.findings, found.proven) == ([], False)
    assert any(MANIFEST in each for each in check(other, manifest_digest(sound())).findings)


def test_a_verdict_can_not_be_turned_round_but_by_a_rewritten_manifest(tmp_path: Path, check: Check) -> None:
    incomplete = statement(len(LINES), verdict="INCOMPLETE", reason="it broke off")
    data = made(tmp_path, LINES, stated=incomplete)
    found = members(data)
    turned = found[MANIFEST].replace(b'"INCOMPLETE"', b'"COMPLETE"')
    assert (
        "report.md does not follow from the entries, from line 3 on: it was changed."
        in check(packed({**found, MANIFEST: turned})).findings
    )


def changed_line(data: bytes) -> bytes:
    lines = data.split(b"\n")
    lines[5] = lines[5][:-3] + b"?" + lines[5][-2:]
    return b"\n".join(lines)


EDITS: dict[str, Callable[[bytes], bytes]] = {
    "changed": changed_line,
    "cut": lambda data: b"".join(data.splitlines(keepends=True)[:5]),
    "grown": lambda data: data + b"more\n",
    "without its last line break": lambda data: data[:-1],
    "emptied": lambda data: b"",
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("name", [name for name in DERIVED if name != NOTES])
def test_a_member_that_does_not_follow_from_the_entries_is_found_though_the_manifest_agrees(
    check: Check, name: str, edit: str
) -> None:
    found = members(sound())
    found.pop(MANIFEST)
    whole = found[name].count(b"\n")
    found[name] = EDITS[edit](found[name])
    other = rewritten(found, content_of(sound(), SOME_NOTES, statement(len(LINES))))
    at = {"changed": 6, "cut": 6, "grown": whole + 1, "without its last line break": whole, "emptied": 1}[edit]
    assert check(other).findings == [f"{name} does not follow from the entries, from line {at} on: it was changed."]


def test_entries_whose_digest_was_put_into_the_manifest_are_named(check: Check) -> None:
    found = members(with_entries([*LINES[:9], LINES[9].replace(b"POST", b"HEAD"), *LINES[10:]]))
    found.pop(MANIFEST)
    other = rewritten(found, content_of(sound(), SOME_NOTES, statement(len(LINES))))
    told = check(other).findings
    assert "Entry id-9 was changed: line 10." in told
    assert "entries.csv does not follow from the entries, from line 11 on: it was changed." in told
    assert check(other, manifest_digest(other)).findings == told


def test_a_statement_about_more_entries_is_found_though_all_else_agrees(check: Check) -> None:
    found = check(forged(LINES, SOME_NOTES, statement(len(LINES) + 1)))
    assert found.findings == ["manifest.json states 131 lines of entries, and there are 130."]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"marked": 1', b'"marked": 2'),
        (b'"as_of": "2027', b'"as_of": "2026'),
        (b'  "counts"', b'"counts"'),
        (b'"format"', b'"more": 1, "format"'),
        (b'"query": ', b'"query": "all", "query": '),
    ],
)
def test_a_manifest_that_is_written_otherwise_is_found(check: Check, old: bytes, new: bytes) -> None:
    manifest = members(sound())[MANIFEST]
    assert old in manifest
    found = check(packed({**members(sound()), MANIFEST: manifest.replace(old, new)}))
    assert "manifest.json is not as auditlog-tui writes it: something in it was changed." in found.findings


def test_a_manifest_that_names_a_member_twice_or_not_at_all_is_found(check: Check) -> None:
    data = json.loads(members(sound())[MANIFEST])
    choices: list[list[object]] = [
        data["members"] + data["members"][-1:],
        data["members"][1:],
        data["members"][::-1],
        [],
    ]
    for named in choices:
        manifest = json.dumps({**data, "members": named}, indent=2).encode() + b"\n"
        found = check(packed({**members(sound()), MANIFEST: manifest}))
        assert "manifest.json does not name the members of a bundle." in found.findings


def test_what_another_version_made_is_compared_as_far_as_it_can_be(check: Check) -> None:
    found = members(sound())
    found.pop(MANIFEST)
    found["report.md"] = b"another form\n"
    other = replace(statement(len(LINES)), version="9.9")
    data = rewritten(found, content_of(sound(), SOME_NOTES, other))
    assert check(data).unchecked == ["report.md"]
    assert check(data).findings == []
    found[DIGESTS] = found[DIGESTS].replace(b'"id-7"', b'"id-8"')
    data = rewritten(found, content_of(sound(), SOME_NOTES, other))
    assert check(data).findings == ["digests.jsonl does not follow from the entries, from line 8 on: it was changed."]


# -- one change, told ----------------------------------------------------------------------------------------------


def test_a_flipped_byte_names_its_entry(check: Check) -> None:
    at = sound().index(b"id-77") + 200
    data = bytearray(sound())
    data[at] ^= 1
    found = check(bytes(data)).findings
    assert found[0] == "Entry id-77 was changed: line 78."
    assert "entries.jsonl was changed: its SHA-256 is another." in found


TOLD: dict[str, tuple[Callable[[list[bytes]], list[bytes]], list[str]]] = {
    "changed": (
        lambda lines: [*lines[:9], lines[9].replace(b"POST", b"HEAD"), *lines[10:]],
        ["Entry id-9 was changed: line 10."],
    ),
    "replaced": (
        lambda lines: [*lines[:9], line(999), *lines[10:]], ["Entry id-9 was replaced by id-999: line 10."]
    ),
    "removed": (lambda lines: lines[:9] + lines[10:], ["Entry id-9 was removed: line 10 of the original."]),
    "cut": (lambda lines: lines[:-1], ["Entry id-129 was removed: line 130 of the original."]),
    "added": (lambda lines: [*lines[:9], line(999), *lines[9:]], ["Entry id-999 was added: line 10."]),
    "twice": (lambda lines: [*lines, lines[5]], ["Entry id-5 was added: line 131."]),
    "moved": (
        lambda lines: [*lines[:9], *lines[10:100], lines[9], *lines[100:]],
        ["Entry id-9 was moved from line 10 to line 100."],
    ),
    "swapped": (
        lambda lines: [*lines[:9], lines[80], *lines[10:80], lines[9], *lines[81:]],
        ["Entry id-80 was moved from line 81 to line 10.", "Entry id-9 was moved from line 10 to line 81."],
    ),
    "several": (
        lambda lines: [line(998), *lines[:3], *lines[4:20], lines[20] + b" ", *lines[21:]],
        [
            "Entry id-20 was changed: line 21.", "Entry id-3 was removed: line 4 of the original.",
            "Entry id-998 was added: line 1.",
        ],
    ),
    "emptied": (lambda lines: [], [
        *(f"Entry id-{n} was removed: line {n + 1} of the original." for n in range(20)),
        "110 entries were changed besides.",
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
def test_what_was_done_to_which_entry_is_told(check: Check, name: str) -> None:
    change, told = TOLD[name]
    found = check(with_entries(change(LINES))).findings
    assert found == [*told, "entries.jsonl was changed: its SHA-256 is another."]


def test_a_line_break_that_is_taken_from_the_end_is_found(check: Check) -> None:
    data = packed({**members(sound()), ENTRIES: members(sound())[ENTRIES][:-1]})
    assert check(data).findings[0] == "Entry id-129 was changed: line 130."


def test_the_entry_whose_note_was_changed_is_named(check: Check) -> None:
    found = members(sound())
    other = found[NOTES].replace(b"ask Sam", b"ask Tom")
    assert check(packed({**found, NOTES: other})).findings == [
        "The note on entry id-5 was changed: line 6 of entries.jsonl.",
        "notes.jsonl was changed: its SHA-256 is another.",
    ]


def test_hostile_ids_are_safe_to_print(tmp_path: Path, check: Check) -> None:
    lines = [line(n, id=f"\x1b]52;c;{n}\x07\u202e" + "x" * 500) for n in range(3)]
    found = members(made(tmp_path, lines))
    told = check(packed({**found, ENTRIES: found[ENTRIES].replace(b"POST", b"HEAD")})).findings
    assert len(told) == 4
    assert all(each.isprintable() and len(each) < 200 for each in told)


def test_without_digests_it_says_that_entries_can_not_be_named(check: Check) -> None:
    found = {**members(sound()), ENTRIES: b"{}\n"}
    for other in (b"{}\n", b"5\n", b"[]\n", b'{"line": 1, "id": "x", "sha256": "-1"}\n', b"[" * 9_999, b"\xff"):
        told = check(packed({**found, DIGESTS: other})).findings
        assert "It can't be told which entries: the digests can't be read either." in told
    found.pop(DIGESTS)
    assert (
        "It can't be told which entries were changed: digests.jsonl can't be found." in check(packed(found)).findings
    )


ODD_VALUES = (
    "1e999", "-1e999", "NaN", "-1", "1.5", f"1{'0' * 30}", "9" * 5_000, "true", "null",
    '""', '"\\ud800\\u0000"', "[]",
    "{}", "[[]]", '{"a":1e999}', "[" * 300 + "]" * 300,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where there is a value in JSON; of a list, the first."""
    yield path
    inner = (
        value.items() if isinstance(value, dict) else list(enumerate(value))[:1] if isinstance(value, list) else ()
    )
    for name, each in inner:
        yield from places(each, (*path, name))


def with_value(value: Any, path: tuple[Any, ...], other: str) -> Any:
    if not path:
        return other
    copy = value.copy()
    copy[path[0]] = with_value(copy[path[0]], path[1:], other)
    return copy


def odd(data: bytes, indent: int | None) -> Iterator[bytes]:
    """The JSON with each of the odd values in each place."""
    found = json.loads(data)
    for place in places(found):
        text = json.dumps(with_value(found, place, "@"), indent=indent)
        yield from (text.replace('"@"', each).encode() + b"\n" for each in ODD_VALUES)


@pytest.mark.parametrize("name", [DIGESTS, NOTES, MANIFEST])
def test_a_member_with_any_odd_value_is_changed_and_said_to_be(check: Check, name: str) -> None:
    found = members(sound())
    found[ENTRIES] = found[ENTRIES].replace(b"POST", b"HEAD", 1)
    first, rest = (found[name], b"") if name == MANIFEST else found[name].split(b"\n", 1)
    for data in islice(odd(first, 2 if name == MANIFEST else None), None, None, 1 if THOROUGH else 5):
        told = check(packed({**found, name: data + rest})).findings
        assert told
        assert all(each.isprintable() for each in told)


@pytest.mark.parametrize("first", ['{"line":1e999,"id":[],"sha256":"00"}', '{"line":1,"id":[],"sha256":"00"}'])
def test_digests_of_other_types_are_said_to_be_unreadable(check: Check, first: str) -> None:
    found = {**members(sound()), ENTRIES: b"{}\n", DIGESTS: f"{first}\n".encode()}
    assert "It can't be told which entries: the digests can't be read either." in check(packed(found)).findings


def test_a_rewritten_file_that_unpacks_to_the_same_is_changed(check: Check) -> None:
    found = check(b"#!" + sound()).findings
    assert found == ["The file is not as auditlog-tui writes it: it does not begin with a member."]


def test_a_wrong_checksum_is_found_though_contents_agree(check: Check) -> None:
    data = sound()
    (crc,) = re.findall(rb"PK\x03\x04.{10}(.{4})", data, re.DOTALL)[:1]
    assert check(data.replace(crc, b"abcd")).findings == ["The checksum of entries.jsonl in the file is wrong."]


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_member_is_named(check: Check, name: str) -> None:
    found = members(sound())
    found.pop(name)
    try:
        told = " ".join(check(packed(found)).findings)
    except BundleError as error:
        told = str(error)
        assert name in (ENTRIES, MANIFEST)
    assert name in told


# -- many changes, none missed -------------------------------------------------------------------------------------


def entry_at(data: bytes, at: int) -> str:
    """The ID of the entry in whose line a position of the file is; empty outside of the entries."""
    start = data.index(ENTRIES.encode()) + len(ENTRIES)
    lines = members(data)[ENTRIES].splitlines(keepends=True)
    for each in lines:
        if start <= at < start + len(each):
            return str(json.loads(each)["id"])
        start += len(each)
    return ""


def damaged_file(random: Random) -> tuple[bytes, str]:
    """The file with some bytes changed, and the ID of the entry in which they are."""
    data, at = sound(), random.randrange(len(sound()))
    if random.random() < 0.4:  # in the entries
        at = random.randrange(50, len(members(data)[ENTRIES]))
    kind = random.choice(["flip", "overwrite", "insert", "delete"])
    if kind == "flip":
        new = bytes([data[at] ^ 1 << random.randrange(8)])
        return data[:at] + new + data[at + 1 :], entry_at(data, at)
    if kind == "overwrite":
        new = bytes(byte ^ random.randrange(1, 256) for byte in data[at : at + random.randrange(1, 30)])
        return data[:at] + new + data[at + len(new) :], entry_at(data, at)
    if kind == "insert":
        return data[:at] + random.randbytes(random.randrange(1, 30)) + data[at:], ""
    return data[:at] + data[at + random.randrange(1, 30) :], entry_at(data, at)


def cut_or_grown(random: Random) -> tuple[bytes, str]:
    data = sound()
    if random.random() < 0.6:
        return data[: random.randrange(len(data))], ""
    more = random.randbytes(random.randrange(1, 99))
    return (data + more if random.random() < 0.5 else more + data), ""


def other_entries(random: Random) -> tuple[bytes, str]:
    lines, at = list(LINES), random.randrange(len(LINES))
    kind = random.choice(["swap", "remove", "add", "repeat", "edit", "break"])
    if kind == "swap":
        other = random.choice([n for n in range(len(lines)) if n != at])
        lines[at], lines[other] = lines[other], lines[at]
        named = f"(id-{at}|id-{other})"
    elif kind == "remove":
        named = f"id-{at}"
        del lines[at]
    elif kind == "add":
        lines.insert(at, line(777))
        named = "id-777"
    elif kind == "repeat":
        other = random.randrange(len(lines))
        named = f"id-{at}"
        lines.insert(other, lines[at])
    elif kind == "edit":
        place = random.randrange(len(lines[at]))
        named = f"id-{at}"
        lines[at] = lines[at][:place] + b"~" + lines[at][place + 1 :]
    else:
        place = random.randrange(len(lines[at]))
        named = f"id-{at}"
        lines[at : at + 1] = [lines[at][:place], lines[at][place:]]
    return with_entries(lines), named


def other_members(random: Random) -> tuple[bytes, str]:
    found = list(members(sound()).items())
    at = random.randrange(len(found))
    name, content = found[at]
    kind = random.choice(["replace", "edit", "rename", "reorder", "drop", "repeat", "add", "empty"])
    if kind == "replace":
        found[at] = name, found[at - 1][1]
    elif kind == "edit":
        place = random.randrange(len(content))
        found[at] = name, content[:place] + bytes([content[place] ^ 0x20]) + content[place + 1 :]
    elif kind == "rename":
        found[at] = random.choice(["other", f"../{name}", f"{name} ", name.upper()]), content
    elif kind == "reorder":
        found.insert((at + random.randrange(1, len(found))) % len(found), found.pop(at))
    elif kind == "drop":
        del found[at]
    elif kind == "repeat":
        found.insert(random.randrange(len(found)), found[at])
    elif kind == "add":
        found.insert(at, ("evil.sh", b"#!/bin/sh\n"))
    else:
        found[at] = name, b""
    return packed(found), ""


KINDS = (damaged_file, cut_or_grown, other_entries, other_members)


@pytest.mark.parametrize("seed", range(CHANGES))
def test_every_change_is_found_and_its_entry_named(check: Check, seed: int) -> None:
    random = Random(seed)
    data, named = KINDS[seed % len(KINDS)](random)
    assert data != sound()
    try:
        found = check(data, manifest_digest(sound())).findings
    except BundleError as error:
        found = [] if named else [str(error)]
    assert found
    assert all(each.isprintable() for each in found)
    if named:
        assert any(re.search(rf"\b{named}\b", each) for each in found), found


# -- differences ---------------------------------------------------------------------------------------------------


def told(before: list[bytes], after: list[bytes]) -> list[str]:
    old = "".join(f"{each}\n" for each in digest_lines(before)).encode()
    new = b"".join(after)
    return list(differences(Region(io.BytesIO(new), 0, len(new)), Region(io.BytesIO(old), 0, len(old))))


few_lines = st.lists(st.sampled_from([line(n) + b"\n" for n in range(6)]), max_size=9)


@given(before=few_lines, after=few_lines)
def test_differences_account_for_every_line(before: list[bytes], after: list[bytes]) -> None:
    """What is told of is enough to make one list from the other, and nothing is told of equal ones."""
    found = told(before, after)
    assert (found == []) == (before == after)
    removed = {int(n) - 1 for each in found for n in re.findall(r"removed: line (\d+)", each)}
    added = {int(n) - 1 for each in found for n in re.findall(r"added: line (\d+)", each)}
    put = {int(n) - 1 for each in found for n in re.findall(r"(?:changed|by id-\d+): line (\d+)", each)}
    moves = [
        tuple(int(n) - 1 for n in pair) for each in found for pair in re.findall(r"line (\d+) to line (\d+)", each)
    ]
    assert len(before) - len(removed) + len(added) == len(after)
    origins = {new: old for old, new in moves}
    assert all(before[old] == after[new] for old, new in moves)
    stayed = [data for n, data in enumerate(after) if n not in added | put | origins.keys()]
    rest = iter(before)
    assert all(any(data == other for other in rest) for data in stayed), "what stayed kept its order"


def test_too_many_differences_are_told_as_a_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "MOST_COMPARED", 5)
    lines = [line(n) + b"\n" for n in range(10)]
    assert told(lines, [lines[0], *lines[8:0:-1], lines[9]]) == [
        "Lines 2 to 9 of the entries were changed, removed, added or moved."
    ]


# -- what is no bundle ---------------------------------------------------------------------------------------------


def test_what_is_no_bundle_is_an_error_with_a_sentence(tmp_path: Path, check: Check) -> None:
    for data in (b"", b"{}\n", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), os.urandom(9_999), b"PK\x03\x04" * 9_999):
        with pytest.raises(BundleError, match=r"no (whole )?bundle"):
            check(data)
    with pytest.raises(OSError, match="It is a folder"):
        verify(tmp_path)


def test_a_file_of_zeros_of_any_size_is_refused_without_holding_it(tmp_path: Path) -> None:
    path = tmp_path / "zeros.zip"
    with open(path, "wb") as file:
        file.truncate(256 << 20)
    with pytest.raises(BundleError, match="no bundle"):
        verify(path)


def test_a_line_without_an_end_is_told_and_not_held(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "LINE_LIMIT", 1 << 20)
    data = with_entries([b"x" * (5 << 20)])
    assert "A line is longer than 1,048,576 bytes." in check(data).findings


def test_progress_names_what_is_read_and_how_far(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(sound())
    steps: list[tuple[str, int, int]] = []
    verify(tmp_path / "b", on_progress=lambda *step: steps.append(step))
    assert {each for each, _, _ in steps} == {
        *(f"reading {name}" for name in NAMES), *(f"making {name} again" for name in DERIVED),
    }  # fmt: skip
    assert all(0 < done <= whole for _, done, whole in steps)
    assert CSV in NAMES
