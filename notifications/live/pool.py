"""A few threads with lasting database connections, so that the event loop never waits for PostgreSQL."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection, connections

THREADS = 4
Answer = TypeVar("Answer")
Job = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class Pool:
    """Runs reads in threads. A read that loses its connection is run once more on a new one."""

    def __init__(self, threads: int = THREADS) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, name=f"read-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    async def run(self, read: Callable[[], Answer]) -> Answer:
        """Run `read` (it must only read) in a thread; its error is raised here."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._jobs.put((read, loop, future))
        return await future

    def close(self) -> None:
        """End the threads and their connections, after what they were given."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(timeout=5)

    def _work(self) -> None:
        while job := self._jobs.get():
            read, loop, future = job
            if future.done():
                continue  # whoever asked has gone, and a storm of such must not hold up the others
            try:
                answer, error = _read_twice(read), None
            except Exception as caught:  # noqa: BLE001 - it belongs to whoever asked
                answer, error = None, caught
            try:
                loop.call_soon_threadsafe(_settle, future, answer, error)
            except RuntimeError:
                break  # the loop has ended, and with it everyone who could ask
        connections.close_all()


def _read_twice(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (OperationalError, InterfaceError):
        if connection.connection is not None and connection.is_usable():
            raise
        connection.close()
        return read()


def _settle(future: "asyncio.Future[Any]", answer: Any, error: Exception | None) -> None:
    if future.done():
        return  # whoever asked has gone
    if error is None:
        future.set_result(answer)
    else:
        future.set_exception(error)
