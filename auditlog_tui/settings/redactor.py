"""Keeps secrets out of what is kept, copied or handed over: in the investigator's log, filters, notes and names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditlog_tui.errors import SecretError

if TYPE_CHECKING:
    from auditlog_tui.entries.raw_json import Json

HIDDEN = "[secret]"
"""What stands for a secret."""

LONGEST_TEXT = 4_000
"""Characters of a text from which on `Redactor.clean` cuts it."""

SHORTEST = 8
"""Letters and digits of a secret from which on it is also looked for between other characters, and refused."""

PIECE = 12
"""Letters and digits of a secret that are looked for in a text that was still being typed. Its first may be words."""


class Redactor:
    """Finds secrets in texts, however they are quoted there."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)
        self._bare = [bare for secret in self._secrets if len(bare := _bare(secret)) >= SHORTEST]
        refused = [re.escape(secret) for secret in (*self._secrets, HIDDEN) if len(secret) >= SHORTEST]
        self._refused = re.compile("|".join(refused), re.IGNORECASE) if self._secrets else None

    @property
    def has_secrets(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._secrets)

    def clean(self, value: Json) -> Json:
        """The value without secrets, in all texts in it. Long texts are cut."""
        if isinstance(value, str):
            return self._clean_text(value)
        if isinstance(value, list):
            return [self.clean(each) for each in value]
        if isinstance(value, dict):
            return {self._clean_text(name): self.clean(each) for name, each in value.items()}
        return value

    def _clean_text(self, text: str) -> str:
        for secret in self._secrets:
            text = re.sub(re.escape(secret), HIDDEN, text, flags=re.IGNORECASE)
        if self._has_bare(text):
            return HIDDEN
        text = text.encode("utf-8", "replace").decode()
        return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"

    def _has_bare(self, text: str) -> bool:
        """Whether a secret is in it in quotes, escaped, or with something between its characters."""
        if not self._bare:
            return False
        bare = _bare(text)
        return any(secret in bare for secret in self._bare)

    def has(self, text: str) -> bool:
        """Whether a secret, or what stands for one, is in a text.

        One that is so short that it may be a word is not looked for.
        """
        return (self._refused is not None and self._refused.search(text) is not None) or self._has_bare(text)

    def has_part(self, text: str) -> bool:
        """Whether a secret, or a part of one, is in a text that was still being typed."""
        bare = _bare(text)
        pieces = (secret[at : at + PIECE] for secret in self._bare for at in range(max(1, len(secret) - PIECE + 1)))
        return self.has(text) or any(piece in bare for piece in pieces)

    def check(self, text: str) -> None:
        """Raise `SecretError` for a text with a secret in it: it would be kept, or sent as part of a request."""
        if not self.has(text):
            return
        found = self._refused.search(text) if self._refused is not None else None
        cleaned = self._refused.sub(HIDDEN, text) if self._refused is not None else text
        if found is None or self._has_bare(cleaned):
            raise SecretError(HIDDEN, 0, len(HIDDEN))
        raise SecretError(cleaned, found.start(), found.start() + len(HIDDEN))


_OTHER = re.compile(r"[^a-z0-9]+")
_ESCAPED = re.compile(r"%[0-9a-f]{2}")


def _bare(text: str) -> str:
    """The letters and digits of a text, of which nothing is left by quoting."""
    return _OTHER.sub("", _ESCAPED.sub("", text.casefold()))
