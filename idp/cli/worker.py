"""`idp worker`: the background work in a process of its own."""

import asyncio
import signal

from idp.cli.context import open_provider, run, say
from idp.cli.context import settings as read_settings


def worker() -> None:
    """Send mail, delete what has expired and do what is due, in a process of its own.

    The processes that answer requests do this work too, unless IDP_SERVER__BACKGROUND=false. Any number of workers
    may run at once.
    """
    from idp.ops.logging import configure_logging

    settings = read_settings()
    configure_logging(settings.log)

    async def work() -> None:
        from idp.app.background import background_work, running_parts

        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with open_provider(settings) as provider, running_parts(provider), background_work(provider):
            say("Working. Stop with Ctrl-C.", err=True)
            await stop.wait()

    run(work())
