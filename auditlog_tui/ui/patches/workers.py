"""Starting what runs in the background."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from textual.dom import DOMNode
from textual.worker import Worker


def start(node: DOMNode, work: Callable[[], Coroutine[Any, Any, None]], group: str) -> Worker[None]:
    """Run `work`, in place of what its group on this node runs."""

    async def run() -> None:
        await work()  # made here: a coroutine that is cancelled before it began warns that it was never awaited

    return node.run_worker(run, group=group, exclusive=True)
