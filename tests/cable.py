"""A network cable for tests: a TCP proxy on loopback that can be cut and healed while programs talk through it."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any


class Cable:
    """Leads from a port of its own to another one. `dropped` and `refused` count what a cut did."""

    def __init__(self, to_port: int, port: int = 0) -> None:
        self.dropped = self.refused = 0
        self._to_port, self._is_cut = to_port, False
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._lead, "127.0.0.1", port))
        self.port = self._server.sockets[0].getsockname()[1]
        self.address = f"http://localhost:{self.port}"

    def cut(self) -> None:
        """Reset every connection, and each that is tried from now on."""
        self._do(self._cut())

    def heal(self) -> None:
        """Let through again."""
        self._is_cut = False

    def close(self) -> None:
        """Take it away."""
        self.cut()
        self._server.close()
        self._do(asyncio.sleep(0.05))  # the connections' tasks see their end
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _cut(self) -> None:
        self._is_cut = True
        for writer in self._open:
            writer.transport.abort()
        self.dropped += len(self._open) // 2

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            self.refused += 1
            writer.transport.abort()
            return
        try:
            there_reader, there = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, there}
        self._open |= ends
        try:
            await asyncio.gather(_carry(reader, there), _carry(there_reader, writer))
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()
