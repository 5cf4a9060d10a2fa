"""The hooks of a commit check what CI checks."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
HOOKS = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8").split("- id: ")[1:]
CI = (ROOT / ".ci/run").read_text(encoding="utf-8")


def values(key: str) -> list[str]:
    """What each hook has there, in order."""
    return [each for hook in HOOKS for each in re.findall(rf"^ +{key}: (.+)$", hook, re.MULTILINE)]


def test_they_run_the_commands_of_ci() -> None:
    _, _, last = CI.rpartition('echo "== lint, types, imports"\n')
    assert values("entry") == [line.strip() for line in last.partition("\n}")[0].splitlines()]
    assert len(values("entry")) == len(HOOKS) == 4


def test_they_run_in_the_projects_environment_over_all_files() -> None:
    assert values("language") == ["system"] * len(HOOKS)
    assert values("pass_filenames") == ["false"] * len(HOOKS)
