"""The simulator's HTTP door: an ASGI application that finds who answers, and lets the answer faults strike.

__main__.py serves it with uvicorn.
"""

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from payments.simulator import alipay, alipay_papers, bills, cashier, oracle, wechat, wechat_papers
from payments.simulator.postman import Postman
from payments.simulator.world import Answer, Request, World, as_json

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BODY_LIMIT: Final = 1 << 20
INDEX: Final = (
    "simulator: no money moves. Doors: /v3/…, /gateway.do, /scan?code_url=…, /cashier/…, /oracle/…, /healthz\n"
)
WECHAT_DOORS: Final = (  # method, path, operation; the group is the number or the form
    ("POST", re.compile(r"/v3/pay/transactions/(native|jsapi|h5)"), "create"),
    ("GET", re.compile(r"/v3/pay/transactions/out-trade-no/([^/]+)"), "query"),
    ("GET", re.compile(r"/v3/pay/transactions/id/([^/]+)"), "query_by_id"),
    ("POST", re.compile(r"/v3/pay/transactions/out-trade-no/([^/]+)/close"), "close"),
    ("POST", re.compile(r"/v3/refund/domestic/refunds()"), "refund"),
    ("GET", re.compile(r"/v3/refund/domestic/refunds/([^/]+)"), "query_refund"),
    ("GET", re.compile(r"/v3/bill/tradebill()"), "bill"),
    ("GET", re.compile(r"/v3/certificates()"), "certificates"),
)


NO_LINGER: Final = struct.pack("ii", 1, 0)  # closing sends RST instead of FIN


class Door(HttpToolsProtocol):
    """uvicorn's protocol, which also tells the application its transport, so that a fault can break the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember the transport for the requests of this connection."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class Server:
    """The ASGI application."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._postman = Postman(world, {"WECHAT": wechat_papers.write, "ALIPAY": alipay_papers.write})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event, as ASGI calls it."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            answer = await self._answer(scope, receive)
            headers = {"content-type": answer.content_type, "content-length": str(len(answer.body)), **answer.headers}
            if answer.status == 204:
                del headers["content-length"]
            sent = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
            start = {"type": "http.response.start", "status": answer.status, "headers": sent}
            if answer.is_cut:
                await _break_off(scope, receive, send, start, answer.body[: len(answer.body) // 2])
            else:
                await send(start)
                await send({"type": "http.response.body", "body": answer.body})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._postman.resume()
        cashier.resume(self._world, self._postman)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._postman.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        body = b""
        while True:
            part = await receive()
            if part["type"] == "http.disconnect":  # half a request is none
                return Answer(status=400)
            body += part.get("body", b"")
            if len(body) > BODY_LIMIT:
                return as_json({"error": "too large"}, 413)
            if not part.get("more_body"):
                break
        request = Request(
            method=scope["method"],
            path=scope["path"],
            raw_query=scope["query_string"].decode("latin-1"),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
        )
        try:
            return await self._route(request)
        except Exception as error:  # noqa: BLE001 - one bad request must not look like a dead gateway
            self._world.note("failure", path=request.path, error=repr(error))
            return as_json({"code": "SYSTEM_ERROR", "message": repr(error)}, 500)

    async def _route(self, request: Request) -> Answer:
        path = request.path
        if path.startswith("/v3/"):
            return await self._wechat(request)
        if path == "/gateway.do":
            params = {**request.query, **(request.form if request.method == "POST" else {})}
            operation = alipay.operation(params)
            do = partial(alipay.answer, self._world, self._postman, request)
            return await self._gateway(request, operation, do)
        if path.startswith("/cashier/"):
            return await cashier.serve(self._world, self._postman, request, path.rpartition("/")[2])
        if path.startswith("/oracle/"):
            return oracle.serve(self._world, self._postman, request, path.removeprefix("/oracle/"))
        return self._plain(request)

    def _plain(self, request: Request) -> Answer:
        if request.path == "/scan":
            return cashier.scan(self._world, request)
        if request.path == "/alipay/bill":
            return bills.alipay_file(self._world, request)
        if request.path in {"/", "/healthz"}:
            return Answer(body=INDEX.encode(), content_type="text/plain; charset=utf-8")
        return as_json({"error": "not found"}, 404)

    async def _wechat(self, request: Request) -> Answer:
        if request.path == "/v3/billdownload/file":
            return wechat.download(self._world, request)
        for method, door, operation in WECHAT_DOORS:
            found = door.fullmatch(request.path) if method == request.method else None
            if found:
                do = partial(wechat.answer, self._world, self._postman, request, operation, found[1])
                return await self._gateway(request, operation.partition("_by_")[0], do)
        absent = as_json({"code": "RESOURCE_NOT_EXISTS", "message": "无此接口"}, 404)
        return wechat_papers.signed(self._world, absent, request.headers.get("wechatpay-serial", ""))

    async def _gateway(self, request: Request, operation: str, do: Callable[[], Awaitable[Answer]]) -> Answer:
        """Answer a gateway call, unless a fault does."""
        faults = self._world.faults
        if faults.strikes("error_before", operation):
            answer = as_json({"code": "SYSTEM_ERROR", "message": "系统错误"}, 500)
        else:
            answer = await do()
            if faults.strikes("error_after", operation):
                answer = as_json({"code": "SYSTEM_ERROR", "message": "系统错误"}, 502)
            elif _is_signed(answer) and faults.strikes("unsigned", operation):
                _break_signature(answer)
            answer.is_cut = faults.strikes("reset", operation)
        for fault in ("latency", "hang"):
            if faults.strikes(fault, operation):
                await asyncio.sleep(faults.seconds(fault))
        self._world.note("call", answer.subject, operation=operation, path=request.path, status=answer.status)
        return answer


async def _break_off(scope: Scope, receive: Receive, send: Send, start: dict[str, Any], part: bytes) -> None:
    """Send a part of the body, nothing at all when there is none, then reset the connection."""
    if part:
        await send(start)
        await send({"type": "http.response.body", "body": part, "more_body": True})
    transport = scope["state"]["transport"]
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


def _is_signed(answer: Answer) -> bool:
    return "Wechatpay-Signature" in answer.headers or b'"sign":"' in answer.body


def _break_signature(answer: Answer) -> None:
    """Replace the signature by one that fits nothing."""
    if "Wechatpay-Signature" in answer.headers:
        answer.headers["Wechatpay-Signature"] = "AAAA"
    else:
        answer.body = re.sub(rb'"sign":"[^"]*"', b'"sign":"AAAA"', answer.body)
