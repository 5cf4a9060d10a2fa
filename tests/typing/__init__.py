"""What the rooms of the package offer each other, checked by mypy alone: nothing here runs.

Each file is about one room. A function shows that a class satisfies a Protocol, or that a call returns the type
promised (`assert_type`). A `type: ignore` marks a misuse that must stay an error: as soon as it is allowed, mypy
reports the comment as unused.
"""
