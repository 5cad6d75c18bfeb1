"""How a thread tells a sender's loop that there is something to send; readers ring, senders listen."""

import asyncio


class Wake:
    """Tells the sender that there is something new, from any thread; says nothing while nobody listens."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event: asyncio.Event | None = None

    def listen(self) -> asyncio.Event:
        """Begin to hear, in the running loop."""
        self._loop, self._event = asyncio.get_running_loop(), asyncio.Event()
        return self._event

    def __call__(self) -> None:
        """Wake."""
        if self._loop is not None and self._event is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)
