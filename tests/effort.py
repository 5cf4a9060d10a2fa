"""How much a run of the tests tries: `BRIEF=1` or `THOROUGH=1` in the environment, or what lies between."""

import os

THOROUGH = bool(os.environ.get("THOROUGH"))
"""As much as each test would: before a release, or when what it looks at was changed."""

BRIEF = bool(os.environ.get("BRIEF")) and not THOROUGH
"""Little, where another run tries more: on the other Pythons in CI."""

HANGS_S = 120.0
"""Seconds after which something counts as hung, on a machine that does much else."""

EXAMPLES = None if THOROUGH else 5 if BRIEF else 30
"""Of each property at most; `None` is as many as it says itself."""

LONG_EXAMPLES = 100 if THOROUGH else 12
"""Of a property whose examples take long."""
