"""Starts background work.

Overrides: nothing; calls `DOMNode.run_worker`.
Why: a coroutine passed to `run_worker` and cancelled before it began causes a "never awaited" warning. Here the
    coroutine is made when the worker begins.
Tested with Textual 8.2.8.
If Textual changes: Python warns about coroutines that were never awaited.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from textual.dom import DOMNode
from textual.worker import Worker


def start(node: DOMNode, work: Callable[[], Coroutine[Any, Any, None]], group: str) -> Worker[None]:
    """Run `work` in the background, after cancelling the workers of `node` in the same group."""

    async def run() -> None:
        await work()

    return node.run_worker(run, group=group, exclusive=True)
