"""What a log that was saved, to a file or an archive, says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Origin:
    """The file or the archive (`kind`) that a log comes from. Times are in microseconds since 1970 UTC.

    `query` is the filter under which the entries were saved, with absolute times; empty for the whole log, or if
    that is unknown. `now_us` is the time to which "now" and `last:` refer: that of the statement in the file, else
    that of the newest entry. `stated` says that the file states to have every entry of its query as of `now_us`,
    unless there is a `reason` why some are missing. A file without a statement is only known to have the entries
    that it has. `dated` says that the file states its time. `note` is for the user to know when the file is opened.
    `content` is the SHA-256 of the file, empty if it was not read to its end, or that of an archive's manifest.
    `covered` holds the parameters of requests of which a case states to have every entry, even if it lacks others of
    the log, each with the time as of which that is so.
    """

    name: str
    now_us: int
    query: str = ""
    stated: bool = False
    reason: str = ""
    dated: bool = False
    note: str = ""
    content: str = ""
    covered: Mapping[frozenset[tuple[str, str]], int] = field(default_factory=dict)
    kind: str = "file"

    def covered_us(self, params: Mapping[str, str]) -> int | None:
        """The time as of which it states to have every entry of a request; `None` if it does not state that."""
        return self.covered.get(frozenset((name, value) for name, value in params.items() if name != "sort"))

    @property
    def noun(self) -> str:
        """The kind with its article."""
        return f"{'an' if self.kind == 'archive' else 'a'} {self.kind}"

    @property
    def unsure(self) -> str:
        """Why an answer may lack entries although it has all that are here; empty if it has all that it is taken for.

        A file without a statement is taken for nothing more than the entries in it, an archive for its whole log.
        """
        return "" if self.stated or self.kind != "archive" else self._unstated

    @property
    def _unstated(self) -> str:
        return f"it was made of {self.name}, {self.noun} that does not say whether it has all of the log"

    @property
    def empty(self) -> str:
        """A sentence that says that no entry is here."""
        whole = self.stated and not (self.query or self.reason)
        return "The log is empty." if whole else f"There is no entry in this {self.kind}."

    @property
    def lacks(self) -> str:
        """Why entries of the log may be missing in what is made of the file; empty if it states that none are."""
        if self.reason or not self.partial:
            return self.reason
        if not self.stated:
            return self._unstated
        return f"it was made of {self.name}, which has only the entries of {self.query}"

    @property
    def partial(self) -> str:
        """Why entries of the log may be missing in the file itself; empty if it states that none are."""
        if self.reason:
            return self.reason
        if not self.stated:
            return f"this {self.kind} does not say whether it has all of the log"
        return f"this {self.kind} has only the entries of {self.query}" if self.query else ""
