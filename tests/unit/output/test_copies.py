import json
import shlex
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.entries.contract import KEY_VARIABLE
from auditlog_tui.entries.models import Entry
from auditlog_tui.output.copies import KINDS, copied, curl, summary
from auditlog_tui.text.defang import defang
from tests.unit.fake import entry, read
from tests.unit.query.strategies import HOSTILE, entries

BASE = "https://api.test"
HOSTILE_IDS = (
    *(text for text in HOSTILE if text),
    "$(id)",
    "`id`",
    "'; id; '",
    "a/../b",
    "?x=1",
    "#x",
    "a\nb",
    "ü",
    "-K",
)


def of(number: int = 1, **fields: Any) -> Entry:
    return read(entry(number, **fields))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("id", "id-1\nid-2"),
        ("actor", "actor-1"),
        ("ip", "203.0.113.7\n203.0.113.8"),
        ("target", "vm-1"),
    ],
)
def test_each_kind_is_a_line_an_entry_and_repeated_values_once(kind: str, text: str) -> None:
    assert copied(kind, [of(1), of(2, client_ip="203.0.113.8"), of(1)]) == text


def test_an_actor_without_a_name_is_told_by_kind_and_id() -> None:
    nameless = of(actor={"id": "key-1", "name": None, "type": "api_key"})
    assert " | by api_key key-1 | " in copied("summary", [nameless])
    assert copied("actor", [nameless]) == "key-1"


def test_json_is_as_it_came() -> None:
    first, second = of(1), of(2)
    assert copied("json", [first, second]) == f"{first.raw}\n{second.raw}"
    assert [json.loads(line)["id"] for line in copied("json", [first, second]).splitlines()] == ["id-1", "id-2"]


def test_entries_without_the_value_are_left_out() -> None:
    bare = read({"id": "", "action": "x"})
    for kind in ("id", "actor", "ip", "target", "curl"):
        assert copied(kind, [bare], BASE) == ""
        assert copied(kind, [bare, of(1)], BASE) == copied(kind, [of(1)], BASE)
    assert copied("id", []) == ""


def test_a_summary_is_a_line_for_a_ticket_with_every_address_broken() -> None:
    text = summary(of(1, user_agent="see https://evil.example/x", path="/v1/2001:db8::1"))
    assert text == (
        "2027-01-15 08:00:01.000 UTC | vm.created | by Alice (user actor-1) | from 203[.]0[.]113[.]7 |"
        " POST /v1/2001[:]db8[:][:]1 -> 200 | on vm vm-1 | agent see hxxps://evil[.]example/x | id id-1"
    )
    assert text == defang(text)


def test_a_summary_of_next_to_nothing_says_what_is_unknown() -> None:
    assert summary(read({})) == "? | by ? ? | from ? | ? ? -> ?"
    assert "-> 0" in summary(of(1, status_code=0))


@given(st.lists(entries, max_size=4), st.sampled_from([kind for kind in KINDS if kind != "json"]))
def test_no_value_breaks_out_of_its_line_or_reaches_a_terminal(found: list[Entry], kind: str) -> None:
    text = copied(kind, found, BASE)
    assert len(text.splitlines()) <= len(found)
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.encode().decode() == text


@pytest.mark.parametrize("entry_id", HOSTILE_IDS)
def test_a_curl_command_asks_for_that_entry_and_runs_nothing(entry_id: str) -> None:
    command = curl(of(1, id=entry_id), BASE)
    assert command is not None
    program, *options, url = shlex.split(command)
    assert (program, options) == ("curl", ["-sS", "-H", f"Authorization: Bearer ${KEY_VARIABLE}"])
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("https", "api.test", "", "")
    assert unquote(parts.path.rpartition("/")[2]) == entry_id
    assert url.isascii()
    assert parts.path.count("/") == 3


def test_the_key_stays_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "nlk-secret")
    text = "\n".join(copied(kind, [of(1)], BASE) for kind in KINDS)
    assert "nlk-secret" not in text
    assert f'-H "Authorization: Bearer ${KEY_VARIABLE}"' in text  # in double quotes, so that the shell expands it


@given(entries)
def test_any_entry_has_every_kind(found: Entry) -> None:
    for kind in KINDS:
        assert isinstance(copied(kind, [found], BASE), str)
    assert copied("json", [found]) == found.raw
