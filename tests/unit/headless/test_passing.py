"""A listing that stores only what tells entries apart writes the same as one that stores them in full."""

import json
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from auditlog_tui.entries.models import Page
from auditlog_tui.errors import ExportRefusedError
from auditlog_tui.evidence.formats import Writer
from auditlog_tui.evidence.statement import Statement
from auditlog_tui.headless.listing import Listing, Printer
from auditlog_tui.headless.streams import Out, Progress
from auditlog_tui.log.walk import Walk
from auditlog_tui.store import entries
from auditlog_tui.store.entries import EntryStore, Stretch
from auditlog_tui.store.scans import raws
from tests.effort import THOROUGH
from tests.unit.evidence.test_export import done, job
from tests.unit.fake import EVERY_FILTER, TROUBLES, FakeApi, Json, entry, log_of, read
from tests.unit.headless.test_headless import LOOK, listed, log_over
from tests.unit.views import query_of

FORMATS = ("jsonl", "csv", "markdown", "ocsf")
QUERIES = ("", "status:500", "ua:second", "method:POST", "sort:created", "sort:path", "sort:status,-created")


class Keeping(EntryStore):
    """A store that is never `passing`."""

    @property
    def passing(self) -> bool:
        return False

    @passing.setter
    def passing(self, value: bool) -> None:
        pass


def made_up(dice: random.Random) -> list[Json]:
    """A log with crowds in one instant, and with other entries under ids that occur already."""
    log = [entry(number, at=number // dice.choice((1, 1, 3))) for number in range(dice.randrange(1, 250))]
    for _ in range(dice.choice((0, 0, 1, 3))):
        number, at = dice.randrange(len(log)), dice.randrange(len(log))
        log.append(entry(number, at=at, status_code=500, path="/other", user_agent="second"))
    return log


@pytest.mark.parametrize("seed", range(40 if THOROUGH else 16))
async def test_the_same_is_written(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(seed)
    log, size, text = made_up(dice), dice.choice((5, 10)), dice.choice(QUERIES)
    ignores = frozenset(dice.sample(sorted(EVERY_FILTER), dice.choice((0, 0, 1, 6))))
    trouble = {dice.randrange(2, 20): dice.choice(TROUBLES) for _ in range(dice.choice((0, 1, 4)))}
    limit = dice.choice((None, None, 7, 40))

    async def found() -> tuple[list[str], str]:
        api = FakeApi(log, ignores=ignores, trouble=trouble, page_size=size)
        return await listed(api, text, limit=limit)

    monkeypatch.setattr(entries, "PASSED_KEPT", 2 * size)
    passed = await found()
    monkeypatch.setattr("tests.unit.headless.test_headless.EntryStore", Keeping)
    assert await found() == passed


EXPORTED = [(seed, FORMATS[seed % len(FORMATS)]) for seed in range(48 if THOROUGH else 16)]


@pytest.mark.parametrize(("seed", "form"), EXPORTED)
async def test_the_same_is_exported(seed: int, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(seed)
    log, size, text = made_up(dice), dice.choice((5, 10)), dice.choice(QUERIES)
    ignores = frozenset(dice.sample(sorted(EVERY_FILTER), dice.choice((0, 0, 1, 6))))
    trouble = {dice.randrange(2, 20): dice.choice(TROUBLES) for _ in range(dice.choice((0, 1, 4)))}

    async def found(name: str) -> tuple[bytes, Statement]:
        given = job(tmp_path / name, text, form, incomplete=True)
        outcome = await done(given, FakeApi(log, ignores=ignores, trouble=trouble, page_size=size))
        assert outcome.written is not None
        return outcome.written.read_bytes(), outcome.statement

    monkeypatch.setattr(entries, "PASSED_KEPT", size)
    passed = await found("passed")
    monkeypatch.setattr("auditlog_tui.evidence.export.EntryStore", Keeping)
    assert await found("kept") == passed


@pytest.mark.parametrize("versions", [0, 1])
async def test_an_export_stores_texts_only_if_there_are_versions(
    versions: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the part need not be stored as well, unless the file can't be made of it as it is."""
    stored = list[int]()

    class Watched(EntryStore):
        def close(self) -> None:
            stored.extend(n for (n,) in self.read("SELECT count(*) FROM json", []))
            super().close()

    monkeypatch.setattr("auditlog_tui.evidence.export.EntryStore", Watched)
    log = [*log_of(300), *(entry(7, at=7, user_agent="other") for _ in range(versions))]
    await done(job(tmp_path / "a"), FakeApi(log))
    assert stored == [301 if versions else 0]


async def test_a_part_that_was_changed_meanwhile_is_not_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a"

    class Changing(FakeApi):
        async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
            if len(self.calls) == 4:
                part = tmp_path / "a.part"
                part.write_bytes(part.read_bytes().replace(b'"id-90"', b'"id-91"'))
            return await super().list(params, limit=limit, cursor=cursor)

    log = [*log_of(100), entry(7, at=7, user_agent="other")]
    with pytest.raises(ExportRefusedError, match="was changed since it was written"):
        await done(job(out), Changing(log, page_size=10))
    assert not out.exists()


async def test_a_filter_that_only_a_canary_proves_ignored_is_evaluated_over_full_rows(tmp_path: Path) -> None:
    log = [entry(number, method="POST" if number >= 50 or number % 3 else "GET") for number in range(60)]
    api = FakeApi(log, ignores=frozenset({"method"}), page_size=10)
    outcome = await done(job(tmp_path / "a", "method:POST"), api)
    assert outcome.complete
    assert outcome.statement.rows == sum(each["method"] == "POST" for each in log)


async def test_a_page_of_more_than_is_kept_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "PASSED_KEPT", 3)
    lines, missing = await listed(FakeApi(log_of(60), page_size=10), "")
    assert (len(lines), missing) == (60, "")


class Forgetful(FakeApi):
    """A server that ignores `method` and `sort` from some call on."""

    async def list(self, params: Mapping[str, str], *, limit: int, cursor: str | None = None) -> Page:
        if len(self.calls) >= self.from_call:
            self.ignores = frozenset({"method", "sort"})
        return await super().list(params, limit=limit, cursor=cursor)

    from_call = 12


@pytest.mark.parametrize("text", ["method:POST", "method:POST sort:created", "sort:created"])
async def test_what_passed_is_stored_in_full_once_it_is_evaluated_here(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "PASSED_KEPT", 20)
    log = [entry(number, method="POST" if number % 3 else "GET") for number in range(200)]
    api = Forgetful(log, page_size=10)
    lines, _ = await listed(api, text)
    assert "method" in api.ignores
    posted = [each["id"] for each in log if each["method"] == "POST" or "method" not in text]
    assert sorted(json.loads(line)["id"] for line in lines) == sorted(posted)


async def test_what_was_written_is_not_stored() -> None:
    log = log_over(FakeApi(log_of(500)))

    class Nowhere:
        def write(self, data: memoryview) -> int:
            return len(data)

        def fileno(self) -> int:
            raise NotImplementedError

    walk = Walk(log, query_of("sort:created"))
    await Listing(walk, Printer(log.store, Writer("jsonl", LOOK), Out(Nowhere(), Progress(None)))).go()
    assert len(walk.view) == 500
    assert log.store.read("SELECT count(*) FROM json", []) == [
        (100,)
    ]  # the first page came before it was known whether rows have to be sorted here


def test_an_entry_that_passed_is_told_from_another_version_and_stored_when_it_comes_again() -> None:
    store = EntryStore()
    run, again = store.new_run(), store.new_run()
    first, changed = read(entry(1)), read(entry(1, status_code=500))
    store.passing = True
    store.append(run, store.add([first]))
    assert raws(store, run, Stretch(0, 1)) == [first.raw]
    assert store.add([first]) == [1]
    store.passing = False
    assert store.add([first, changed]) == [1, 2]
    assert store.versioned
    assert store.entry(1) == first
    store.append(again, [1])
    (row,) = store.window(again, 0, 1)
    assert (row.action, row.path, row.versions) == ("vm.created", "/v1/vms", 1)
    store.close()


def test_the_text_of_an_entry_that_comes_again_is_kept_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "PASSED_KEPT", 1)
    store = EntryStore()
    run = store.new_run()
    store.passing = True
    store.add([read(entry(1))])
    store.add([read(entry(2))])
    store.append(run, store.add([read(entry(1))]))
    assert raws(store, run, Stretch(0, 1)) == [read(entry(1)).raw]
    store.close()


def test_a_text_that_is_not_kept_is_not_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "PASSED_KEPT", 1)
    store = EntryStore()
    run = store.new_run()
    store.passing = True
    for number in (1, 2):
        store.append(run, store.add([read(entry(number))]))
    assert raws(store, run, Stretch(1, 1)) == [read(entry(2)).raw]
    with pytest.raises(LookupError):
        raws(store, run, Stretch(0, 2))
    store.close()
