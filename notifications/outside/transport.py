"""One try to say something to somebody else's server, safely; the sender calls it.

The name is resolved once, every answer must be public, and the connection goes to the very address that was checked,
with the name kept for TLS and the Host header: a name that answers otherwise a moment later gains nothing. No
redirects, no proxies from the environment, ports 443 and 80, 15 seconds by the clock on the wall, 4 kB of reply.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import httpcore
import httpx
from django.conf import settings

from notifications.outside.addresses import is_public

WALL_SECONDS = 15.0
REPLY_BYTES = 4_096
READ_BYTES = 262_144  # from one request to the end of what we read: an answer of endless "100 Continue" is none
REPLY_SECONDS = 2.0  # for the rest of a reply whose status is known
MOST_TRIED = 3  # addresses of one name
PORTS = frozenset({80, 443})
KEEP_SECONDS = 15.0  # an idle connection, checked when it was made
AGENT = "Lockstep-Webhooks/1"

logger = logging.getLogger(__name__)

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """How a try went: a `status`, or the `error` that stood in its way; `reply` is the beginning of the body."""

    status: int | None = None
    error: str = ""
    ms: int = 0
    retry_after: str = ""
    reply: bytes = b""

    @property
    def is_heard(self) -> bool:
        """Whether the receiver took it: any 2xx."""
        return self.status is not None and 200 <= self.status < 300


class NotPublic(Exception):
    """The name leads somewhere that is not the public internet."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Every address of a name, in the system's order. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)  # SOCK_STREAM
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Measured(httpcore.AsyncNetworkStream):
    """A connection that reads at most READ_BYTES after each request: parsing a flood costs everybody else's time."""

    def __init__(self, plain: httpcore.AsyncNetworkStream) -> None:
        self._plain = plain
        self._read = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        """Raises ReadError when it is too much."""
        got = await self._plain.read(max_bytes, timeout)
        self._read += len(got)
        if self._read > READ_BYTES:
            raise httpcore.ReadError("the answer is too long")
        return got

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        """Say something; what is read from here on is counted anew."""
        self._read = 0
        await self._plain.write(buffer, timeout)

    async def aclose(self) -> None:
        """Hang up."""
        await self._plain.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
    ) -> httpcore.AsyncNetworkStream:
        """The same over TLS."""
        return Measured(await self._plain.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks about the socket."""
        return self._plain.get_extra_info(info)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Makes connections for the pool, to checked addresses only."""

    def __init__(self, resolve_name: Resolve, private: Iterable[str]) -> None:
        self._resolve = resolve_name
        self._private = frozenset(private)
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, check all answers, connect to one of them. Raises NotPublic, OSError, httpcore's errors."""
        addresses = await self._checked(host, port)
        failed: Exception = OSError("the name has no address")
        for address in addresses[:MOST_TRIED]:
            try:
                return Measured(await self._plain.connect_tcp(address, port, timeout, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never: there is no such address."""
        del timeout, socket_options
        raise NotPublic(path)

    async def sleep(self, seconds: float) -> None:
        """Wait, as httpcore does between its own tries."""
        await asyncio.sleep(seconds)

    async def _checked(self, host: str, port: int) -> Sequence[str]:
        shown = f"[{host}]" if ":" in host else host
        names = {f"{shown}:{port}"} | ({shown} if port in PORTS else set())
        if names & self._private:
            return await self._resolve(host, port)
        if port not in PORTS:
            raise NotPublic(f"port {port}")
        addresses = await self._resolve(host.removesuffix("."), port)
        for address in addresses:
            if not is_public(ip_address(address)):
                raise NotPublic(address)
        return addresses


class Transport:
    """Holds the connections; one for a whole sender. `resolve_name` and `tls` are given by tests.

    `private` are hosts that may lead inside, in development only; None: those of webhooks.
    """

    def __init__(
        self,
        *,
        resolve_name: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        wall_seconds: float = WALL_SECONDS,
        private: Iterable[str] | None = None,
    ) -> None:
        self._wall = wall_seconds
        may_be_private = settings.WEBHOOK_PRIVATE_HOSTS if private is None else private
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(trust_env=False),
            max_connections=None,
            max_keepalive_connections=100,
            keepalive_expiry=KEEP_SECONDS,
            network_backend=GuardedBackend(resolve_name, may_be_private),
        )

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Say it once, as JSON unless `headers` say otherwise.

        Never raises but when cancelled: whatever goes wrong is the answer's `error`.
        """
        began = time.monotonic()
        answer = Answer(error="")
        try:
            async with asyncio.timeout(self._wall):
                answer = await self._ask(url, headers, body)
        except TimeoutError:
            answer = Answer(error=f"no answer in {self._wall:g} s")
        except NotPublic as refused:
            answer = Answer(error=f"not a public address: {refused}")
        except httpcore.TimeoutException:
            answer = Answer(error="no connection")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpx.InvalidURL, OSError, ValueError) as error:
            answer = Answer(error=f"{_plain(error)}"[:200])
        except Exception as error:
            logger.exception("a try failed in a way that nobody thought of")
            answer = Answer(error=type(error).__name__)
        ms = round((time.monotonic() - began) * 1000)
        return Answer(answer.status, answer.error, ms, answer.retry_after, answer.reply)

    async def close(self) -> None:
        """Hang up everywhere."""
        await self._pool.aclose()

    async def _ask(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = httpx.URL(url)
        address = httpcore.URL(
            scheme=parts.raw_scheme, host=parts.raw_host, port=parts.port, target=parts.raw_path or b"/"
        )
        sent = [
            (b"host", parts.netloc),
            *([] if "content-type" in headers else [(b"content-type", b"application/json")]),
            (b"content-length", str(len(body)).encode()),
            (b"accept-encoding", b"identity"),
            (b"user-agent", AGENT.encode()),
            *((name.encode(), value.encode()) for name, value in headers.items()),
        ]
        async with self._pool.stream("POST", address, headers=sent, content=body) as response:
            told = {name.lower(): value for name, value in response.headers}
            reply = await _beginning(response)
            retry_after = told.get(b"retry-after", b"").decode("latin-1")[:60]
            return Answer(response.status, retry_after=retry_after, reply=reply)


async def _beginning(response: httpcore.Response) -> bytes:
    """At most REPLY_BYTES in at most REPLY_SECONDS: the status is what counts, the words are for the log."""
    read = b""
    try:
        async with asyncio.timeout(REPLY_SECONDS):
            async for part in response.aiter_stream():
                read += part
                if len(read) >= REPLY_BYTES:
                    break
    except (TimeoutError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
        pass
    return read[:REPLY_BYTES]


def _plain(error: Exception) -> str:
    """The error in a few words; many of httpcore's have none of their own."""
    return str(error) or {
        "ConnectError": "no connection", "ReadError": "the connection broke", "WriteError": "the connection broke",
        "RemoteProtocolError": "the connection was closed without an answer",
    }.get(type(error).__name__, type(error).__name__)  # fmt: skip
