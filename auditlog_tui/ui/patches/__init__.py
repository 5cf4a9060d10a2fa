"""Changes to Textual itself: the only room that uses Textual's private names.

Each file's docstring lists what it overrides, why, the versions of Textual it was tested with, and what happens if
Textual changes. `tests/unit/ui/test_patches.py` checks every private name against the installed Textual.
"""
