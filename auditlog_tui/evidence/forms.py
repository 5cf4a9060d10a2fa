"""The forms in which an export can be written: a bundle, or one file in one of the formats."""

from __future__ import annotations

import os
from typing import NamedTuple

BUNDLE = "bundle"
"""The form of a bundle."""


class Form(NamedTuple):
    """A form's name, the end of its files' names, and what it is for."""

    name: str
    suffix: str
    use: str


FORMS = (
    Form(BUNDLE, ".zip", "to hand over: all in one file, which verify checks"),
    Form("jsonl", ".jsonl", "the evidence: as the server sent it; notes beside it"),
    Form("csv", ".csv", "for spreadsheets; holds less than the JSON"),
    Form("markdown", ".md", "for tickets and reports: a timeline in UTC"),
    Form("timesketch", ".timesketch.jsonl", "for Timesketch"),
    Form("ocsf", ".ocsf.jsonl", "for what reads OCSF 1.8 (API Activity)"),
    Form("ecs", ".ecs.jsonl", "for Elastic, in its Common Schema"),
)
"""The bundle first, then the formats."""

SUFFIXES = {form.name: form.suffix for form in FORMS}
"""The end of a form's file names, by its name."""


def other_form(name: str, chosen: str) -> str:
    """Another form than the one chosen, whose ending a file's name has; empty if there is none.

    What is JSON Lines too may end in `.jsonl` alone.
    """
    suffix = SUFFIXES.get(found := form_of(name), "")
    ends = bool(suffix) and name.lower().endswith(suffix)
    return found if ends and not SUFFIXES[chosen].endswith(suffix) else ""


def form_of(name: str) -> str:
    """The form that a file's name ends in: `jsonl` if it has no ending, empty if no form has that ending."""
    ends = [form for form in FORMS if name.lower().endswith(form.suffix)]
    if ends:
        return max(ends, key=lambda form: len(form.suffix)).name
    return "" if os.path.splitext(name)[1].strip(".") else "jsonl"  # "a.b/" is a folder
