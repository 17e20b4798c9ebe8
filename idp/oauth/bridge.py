"""The one place where Authlib's synchronous code and our asynchronous code meet.

Authlib's server calls back into us (find this client, save that token) and expects an answer at once.
We run it in a greenlet on the event loop's own thread: `enter` starts it, and a callback inside it
`wait`s for an awaitable by handing it to the loop and sleeping until the result is there. No second
thread, no second engine; context variables and exceptions cross as in a plain call.

Whatever runs in the greenlet runs on the event loop: nothing slow may be computed there.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple

from sqlalchemy.util.concurrency import await_, greenlet_spawn

Arguments = TypeVarTuple("Arguments")
T = TypeVar("T")


async def enter(function: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
    """Call synchronous `function`, in which `wait` may be used, and return what it returns."""
    return await greenlet_spawn(function, *arguments)


def wait(awaitable: Awaitable[T]) -> T:
    """Wait for `awaitable` from code that was started by `enter`."""
    return await_(awaitable)
