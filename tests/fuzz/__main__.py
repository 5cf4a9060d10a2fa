"""`python -m tests.fuzz NAME [--minutes M] [--seed N]` runs one fuzzer for this long."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import random
from pathlib import Path


def main() -> None:
    """Run the fuzzer named on the command line and print its summary."""
    here = Path(__file__).parent
    private = ("test_", "_")
    names = [each.name for each in pkgutil.iter_modules([str(here)]) if not each.name.startswith(private)]
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=main.__doc__)
    parser.add_argument("name", choices=names)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    wanted = parser.parse_args()
    print(f"{wanted.name}: {wanted.minutes:g} min, seed {wanted.seed}", flush=True)
    print(importlib.import_module(f"tests.fuzz.{wanted.name}").run(wanted.minutes * 60, wanted.seed))


if __name__ == "__main__":
    main()
