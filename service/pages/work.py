"""Where pages do what takes a while: in a worker thread, in the place of one who is admitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from service.runtime import Runtime

P = ParamSpec("P")
T = TypeVar("T")


async def work(runtime: Runtime, doing: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `doing` returns.

    Raises:
        Overloaded: it would have to wait for too long.
    """
    with runtime.owner_work.enter():
        return await runtime.owner_work.run(doing, *args, **kwargs)
