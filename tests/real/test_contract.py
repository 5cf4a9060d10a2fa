"""schemathesis walks the demo's server, in a process of its own: it takes three seconds to load, here only once."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WALK = ["-p", "schemathesis.pytest.plugin", "tests/real/contract.py"]


def test_every_answer_is_as_the_contract_says() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *WALK],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^=+ 2 passed in ", done.stdout, re.MULTILINE) is not None, done.stdout  # one for each endpoint
