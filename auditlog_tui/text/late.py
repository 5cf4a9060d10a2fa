"""Regular expressions that are compiled when they are first used: compiling takes a tenth of a millisecond each."""

from __future__ import annotations

import re
from typing import Any, cast


def late_pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    """`re.compile`, put off to the first use; only the methods and attributes of a pattern can be used.

    For patterns that the first rows don't need: an invalid one raises `re.error` as late as that, too.
    """
    return cast("re.Pattern[str]", _Pattern(text, flags))


class _Pattern:
    def __init__(self, text: str, flags: int) -> None:
        self._source = text, flags

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(*self._source), name)
        setattr(self, name, found)  # so that this is not called again
        return found
