"""From a typed filter to a query: the steps that the browser and the commands share.

typed text -> filter of a pasted command line -> saved filters written out -> parsed -> times made absolute
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo

from msgspec import Struct

from auditlog_tui.errors import QueryError, SecretError
from auditlog_tui.query import Query, depends_on_now, format_term, freeze, parse
from auditlog_tui.query.saved_filters import expand
from auditlog_tui.settings.command_line import filter_in
from auditlog_tui.settings.redactor import Redactor


class FilterError(QueryError):
    """A typed filter can't be read.

    `start` and `end` are columns of `text`: the filter with its saved filters written out, or as it was before that
    if one of them is the reason.
    """

    def __init__(self, text: str, error: QueryError) -> None:
        super().__init__(error.message, error.start, error.end, error.hint, error.offers)
        self.text = text

    def in_typed(self, typed: str) -> QueryError:
        """The error with columns of the text as typed: those of the whole, if another text was read for it."""
        start, end = (self.start, self.end) if typed == self.text else (0, len(typed))
        return QueryError(self.message, start, end, self.hint, self.offers)


class TypedFilter(Struct, frozen=True):
    """A filter that could be read. `text` has its saved filters written out; `parsed` has columns of it."""

    text: str
    parsed: Query

    @property
    def relative(self) -> bool:
        """Whether it means something else at another time, as `last:` and `today` do."""
        return depends_on_now(self.parsed)

    def query(self, now_us: int, zone: tzinfo) -> Query:
        """The query with absolute times; `now_us` is in microseconds since 1970 UTC.

        Times without an offset are read in `zone`. Raises `FilterError`.
        """
        try:
            return freeze(self.parsed, now_us, zone)
        except QueryError as error:
            raise FilterError(self.text, error) from error


class TimeWords:
    """The words in which terms with absolute times were typed, such as `last:24h`: `known` has them by the term."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def keep(self, typed: TypedFilter, query: Query) -> None:
        """Remember how the terms of a query with absolute times were typed."""
        for words, term in zip(map(format_term, typed.parsed.terms), query.terms, strict=True):
            if (absolute := format_term(term)) != words:
                self.known[absolute] = words

    def in_words(self, text: str) -> str:
        """A filter with absolute times, with those that were typed in words in these words."""
        for term in reversed(parse(text).terms):
            words = self.known.get(format_term(term))
            if words is not None:
                text = text[: term.start] + words + text[term.end :]
        return text

    def as_typed(self, text: str, typed: TypedFilter, frozen: str) -> str:
        """The typed `text` of a filter without what a command line has around it, saved filters by their names.

        One without saved filters is `frozen`, the same with absolute times, with these in words.
        """
        given = filter_in(text)
        return self.in_words(frozen) if typed.text == given else given.strip()


def read_filter(typed: str, views: Mapping[str, str], redactor: Redactor) -> TypedFilter:
    """The filter in a typed text or a pasted command line; `views` are the saved filters by name.

    Raises `FilterError`, and `SecretError` for one that the `redactor` finds a secret in.
    """
    redactor.check(typed)
    text = filter_in(typed)
    try:
        text = expand(text, views)  # an error raised here is about the text before, one below about the new one
        redactor.check(text)
        return TypedFilter(text, parse(text))
    except SecretError:
        raise
    except QueryError as error:
        raise FilterError(text, error) from error
