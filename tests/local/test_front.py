"""The one address: what stays here, what passes through, and what the door says by itself."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace

import httpx
import pytest
import uvicorn

from config.local import forward, front

MIB = 1_048_576


class Backend:
    """A pages' server whose every answer is scripted; remembers each request head and body."""

    def __init__(self, script: Callable[["Backend", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]):
        self.script = script
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self.script(self, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def head(self, reader: asyncio.StreamReader) -> str:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        return self.heads[-1]

    def header(self, name: str) -> list[str]:
        lines = self.heads[-1].split("\r\n")[1:]
        return [line.partition(": ")[2] for line in lines if line.lower().startswith(name + ":")]


async def echo(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers every request with the size of its body, on one connection."""
    while True:
        await backend.head(reader)
        body = b""
        if length := backend.header("content-length"):
            body = await reader.readexactly(int(length[0]))
        elif backend.header("transfer-encoding"):
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
        backend.bodies.append(body)
        said = str(len(body)).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nserver: hidden\r\n\r\n%b" % (len(said), said))
        await writer.drain()


async def live(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"live"})


@asynccontextmanager
async def door(script=echo) -> AsyncIterator[SimpleNamespace]:
    """A real server with the front before a scripted backend."""
    backend = Backend(script)
    server = await asyncio.start_server(backend.serve, "127.0.0.1", 0)
    inner = server.sockets[0].getsockname()[1]
    config = uvicorn.Config(
        front.front(live, f"127.0.0.1:{inner}"),
        port=0,
        http="httptools",
        log_level="critical",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
    )
    outer = uvicorn.Server(config)
    serving = asyncio.create_task(outer.serve())
    await until(lambda: outer.started)
    port = outer.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        yield SimpleNamespace(backend=backend, server=server, client=client, port=port)
    outer.should_exit = True
    await serving
    server.close()


async def until(condition):
    while not condition():  # noqa: ASYNC110 - the servers have no event to wait for
        await asyncio.sleep(0.005)


def story(function):
    """Run an async test to its end."""

    def test():
        asyncio.run(asyncio.wait_for(function(), 30))

    test.__doc__ = function.__doc__
    return test


@story
async def test_keeps_live_and_passes_on_the_rest():
    async with door() as it:
        assert (await it.client.get("/live")).text == "live"
        assert (await it.client.get("/live/poll")).text == "live"
        assert (await it.client.get("/livez")).text == "0"
        assert (await it.client.get("/shops/%E9%9D%A2/?q=a%20b")).text == "0"
        assert it.backend.heads[-1].startswith("GET /shops/%E9%9D%A2/?q=a%20b HTTP/1.1")
        assert it.backend.connections == 1


@story
async def test_says_itself_who_asked():
    """A client cannot pretend to be someone else, with neither spelling."""
    lies = {
        "X-Forwarded-For": "6.6.6.6",
        "X_Forwarded_For": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
        "X-Real-IP": "6.6.6.6",
    }
    async with door() as it:
        answer = await it.client.get("/", headers=lies)
        assert "6.6.6.6" not in it.backend.heads[-1]
        assert it.backend.header("x-forwarded-for") == ["127.0.0.1"]
        assert it.backend.header("x-forwarded-proto") == ["http"]
        assert it.backend.header("x-forwarded-host") == [f"127.0.0.1:{it.port}"]
        assert "server" not in answer.headers


@story
async def test_refuses_a_body_that_is_announced_too_large():
    async with door() as it:
        answer = await it.client.post("/api/v1/orders", content=b"x" * (2 * MIB))
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "body_too_large"
        assert it.backend.connections == 0


@story
async def test_refuses_a_body_that_becomes_too_large_on_its_way():
    async def pieces():
        for _ in range(40):
            yield b"x" * 65_536

    async with door() as it:
        answer = await it.client.post("/api/v1/orders", content=pieces())
        assert answer.status_code == 413
        assert it.backend.bodies == []


@pytest.mark.parametrize("path", ["/merchant/res_1/keys", "/merchant/res_1/keys/import"])
def test_streams_a_large_import(path):
    """An import is larger than any other body may be, and is never held in memory."""
    size = 30 * MIB
    peak = []

    async def swallow(backend, reader, writer):
        await backend.head(reader)
        left = int(backend.header("content-length")[0])
        while left:
            left -= len(await reader.read(MIB))
            peak.append(left)
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    async def pieces():
        for _ in range(size // MIB):
            yield b"x" * MIB

    async def run():
        async with door(swallow) as it:
            answer = await it.client.post(path, content=pieces(), headers={"content-length": str(size)})
            assert answer.status_code == 204
            assert len(peak) > 10

    asyncio.run(run())


@story
async def test_passes_on_a_chunked_body_and_a_chunked_answer():
    async def pieces():
        yield b"ab"
        yield b"cde"

    async def chunks(backend, reader, writer):
        await backend.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        await writer.drain()

    async with door() as it:
        assert (await it.client.post("/", content=pieces())).text == "5"
        assert it.backend.bodies == [b"abcde"]
    async with door(chunks) as it:
        assert (await it.client.get("/")).text == "abcde"


@story
async def test_passes_on_an_answer_that_comes_before_the_body_is_sent():
    async def hasty(backend, reader, writer):
        await backend.head(reader)
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno")
        await writer.drain()

    async with door(hasty) as it:
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.write(b"POST /merchant/res_1/keys HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\nfirst piece")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 403")
        assert await reader.readexactly(2) == b"no"
        writer.close()


@story
async def test_says_that_it_is_starting_while_the_backend_is_away():
    async with door() as it:
        it.server.close()
        page = await it.client.get("/", headers={"accept": "text/html"})
        assert page.status_code == 502
        assert "系统正在启动" in page.text
        assert 'http-equiv="refresh"' in page.text
        problem = await it.client.post("/api/v1/orders", content=b"{}")
        assert (problem.status_code, json.loads(problem.text)["code"]) == (502, "starting")
        assert problem.headers["retry-after"] == "2"


async def once_per_connection(backend, reader, writer):
    """Promises to keep the connection, and hangs up on the second request without a word."""
    await backend.head(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    await writer.drain()
    await backend.head(reader)


@story
async def test_asks_again_when_an_idle_connection_turns_out_dead():
    async with door(once_per_connection) as it:
        assert (await it.client.get("/")).text == "ok"
        assert (await it.client.get("/")).text == "ok"
        assert it.backend.connections == 2


@story
async def test_never_sends_a_change_twice():
    async with door(once_per_connection) as it:
        assert (await it.client.get("/")).text == "ok"
        assert (await it.client.post("/orders/", content=b"a=1")).status_code == 502
        assert len(it.backend.heads) == 2
        assert it.backend.connections == 1


@story
async def test_never_asks_again_on_a_fresh_connection():
    async def mute(backend, reader, writer):
        await backend.head(reader)

    async with door(mute) as it:
        assert (await it.client.get("/")).status_code == 502
        assert it.backend.connections == 1


@story
async def test_cuts_an_answer_whose_source_dies_in_the_middle():
    async def half(backend, reader, writer):
        await backend.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
        await writer.drain()

    async with door(half) as it:
        with pytest.raises(httpx.RemoteProtocolError):
            await it.client.get("/")


def test_gives_up_on_a_page_that_never_comes(monkeypatch):
    monkeypatch.setattr(forward, "ANSWER_SECONDS", 0.05)
    hung = asyncio.Event()

    async def hang(backend, reader, writer):
        await backend.head(reader)
        await hung.wait()

    async def run():
        async with door(hang) as it:
            assert (await it.client.get("/")).status_code == 504
            hung.set()

    asyncio.run(run())


@story
async def test_hangs_up_on_the_backend_when_the_client_leaves():
    ended = asyncio.Event()

    async def wait_for_end(backend, reader, writer):
        await backend.head(reader)
        while await reader.read(65_536):
            pass
        ended.set()

    async with door(wait_for_end) as it:
        _, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc")
        await writer.drain()
        await until(lambda: it.backend.heads)
        writer.close()
        await ended.wait()


@story
async def test_answers_head_without_a_body():
    async def headed(backend, reader, writer):
        for _ in range(2):
            await backend.head(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n")
            await writer.drain()

    async with door(headed) as it:
        assert (await it.client.head("/")).headers["content-length"] == "10"
        assert (await it.client.head("/")).status_code == 200
        assert it.backend.connections == 1
