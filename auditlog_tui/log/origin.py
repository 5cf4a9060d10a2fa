"""What a log that was saved, to a file or an archive, says of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """The file or the archive (`kind`) that a log comes from. Times are in microseconds since 1970 UTC.

    `query` is the filter under which the entries were saved, with absolute times; empty for the whole log, or if
    that is unknown. `now_us` is the time to which "now" and `last:` refer: that of the statement in the file, else
    that of the newest entry. `stated` says that the file states to have every entry of its query as of `now_us`,
    unless there is a `reason` why some are missing. A file without a statement is only known to have the entries
    that it has. `dated` says that the file states its time. `note` is for the user to know when the file is opened.
    `content` is the SHA-256 of the file, empty if it was not read to its end, or that of an archive's manifest.
    """

    name: str
    now_us: int
    query: str = ""
    stated: bool = False
    reason: str = ""
    dated: bool = False
    note: str = ""
    content: str = ""
    kind: str = "file"

    @property
    def noun(self) -> str:
        """The kind with its article."""
        return f"{'an' if self.kind == 'archive' else 'a'} {self.kind}"

    @property
    def lacks(self) -> str:
        """Why entries of the log may be missing in what is made of the file; empty if it states that none are."""
        if self.reason:
            return self.reason
        if not self.stated:
            return f"it was made of {self.name}, {self.noun} that does not say whether it has all of the log"
        return f"it was made of {self.name}, which has only the entries of {self.query}" if self.query else ""
