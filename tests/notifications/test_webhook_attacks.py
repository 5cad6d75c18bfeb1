"""Whatever a receiver answers, a try ends: soon, with a status or a few words, and without a fault of ours."""

import asyncio
import random
import socket
import struct
import time

import pytest

from notifications.outside.transport import READ_BYTES, Transport

OK = b"HTTP/1.1 202 Accepted\r\n"
RST = b"|RST"
ANSWERS = {  # what comes back: the status that counts, or a word of the error
    "reset in the middle of the body": (OK + b"content-length: 1000\r\n\r\nhalf" + RST, 202),
    "reset at once": (RST, "the connection broke"),
    "HTTP/0.9": (b"<html>hello</html>", "without sending a response"),
    "no length": (b"HTTP/1.0 200 OK\r\n\r\nok", 200),
    "endless 100": (b"HTTP/1.1 100 Continue\r\n\r\n" * 400_000, "the answer is too long"),
    "endless 103": ((b"HTTP/1.1 103 Early\r\nx: " + b"y" * 5_000 + b"\r\n\r\n") * 2_000, "the answer is too long"),
    "another protocol": (b"HTTP/1.1 101 x\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", "proposal"),
    "a negative length": (OK + b"content-length: -5\r\n\r\nx", "bad Content-Length"),
    "two lengths": (OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\nxxxxxx", "conflicting"),
    "a length of 26 digits": (OK + b"content-length: 99999999999999999999999999\r\n\r\nx", "bad Content-Length"),
    "a chunk longer than memory": (OK + b"transfer-encoding: chunked\r\n\r\n" + b"f" * 20 + b"\r\nx", 202),
    "a chunk of nonsense": (OK + b"transfer-encoding: chunked\r\n\r\nzz\r\nx", 202),
    "packed twice": (OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding"),
    "twenty thousand headers": (OK + b"".join(b"h%d: y\r\n" % n for n in range(20_000)) + b"\r\n", "too long"),
    "one endless header": (OK + b"x: " + b"y" * 3_000_000, "too long"),
    "status 99": (b"HTTP/1.1 99 OK\r\n\r\n", "illegal status line"),
    "status 999": (b"HTTP/1.1 999 OK\r\ncontent-length: 0\r\n\r\n", 999),
    "a NUL in a header": (OK + b"x: a\x00b\r\n\r\n", "illegal header"),
    "a Retry-After of no alphabet": (b"HTTP/1.1 503 x\r\nretry-after: \xff\xfe\r\ncontent-length: 0\r\n\r\n", 503),
    "SSH": (b"SSH-2.0-OpenSSH_9\r\n", "without sending a response"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "illegal status line"),
    "a TLS alert": (b"\x15\x03\x01\x00\x02\x02\x28", "illegal"),
    "the first of two answers": (b"HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n" + OK + b"\r\n", 500),
}


def ask_each(answers, settings):
    """The Answer to each, from a server that says these bytes and hangs up; with the seconds and bytes it took."""
    told = {}

    async def take(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        whole = told["now"]
        try:
            for start in range(0, len(whole.removesuffix(RST)), 65_536):
                writer.write(whole.removesuffix(RST)[start : start + 65_536])
                await writer.drain()
                told["sent"] += 65_536
        except ConnectionError:
            pass
        if whole.endswith(RST):
            line = writer.get_extra_info("socket")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        writer.close()

    async def all_of_them():
        listening = await asyncio.start_server(take, "127.0.0.1", 0)
        host = f"localhost:{listening.sockets[0].getsockname()[1]}"
        settings.WEBHOOK_PRIVATE_HOSTS = [host]
        there, found = Transport(wall_seconds=5), []
        for whole in answers:
            told.update(now=whole, sent=0)
            began = time.monotonic()
            answer = await there.post(f"http://{host}/", {"webhook-id": "msg_x"}, b"{}")
            found.append((answer, time.monotonic() - began, told["sent"]))
        await there.close()
        listening.close()
        return found

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("name", ANSWERS)
def test_ends_with_a_status_or_a_few_words(name, settings, caplog):
    whole, wanted = ANSWERS[name]
    ((answer, seconds, _sent),) = ask_each([whole], settings)
    assert answer.status == wanted if isinstance(wanted, int) else wanted in answer.error, answer
    assert seconds < 4
    assert not [line for line in caplog.records if line.name.startswith("notifications") and line.levelname == "ERROR"]


def test_a_flood_before_the_status_is_not_read_to_its_end(settings):
    whole = ANSWERS["endless 100"][0]
    ((_answer, _seconds, sent),) = ask_each([whole], settings)
    assert sent < len(whole) - READ_BYTES


def test_no_broken_answer_breaks_us(settings, caplog):
    """A good answer with some bytes changed, a hundred times over."""
    chance, broken = random.Random(4), []
    for _ in range(100):
        one = bytearray(OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        for _ in range(chance.randint(1, 6)):
            one[chance.randrange(len(one))] = chance.randrange(256)
        broken.append(bytes(one))
    found = ask_each(broken, settings)
    assert all(answer.status or answer.error for answer, *_ in found)
    assert not [line for line in caplog.records if line.name.startswith("notifications") and line.levelname == "ERROR"]


def test_what_nobody_thought_of_is_an_error_too(caplog):
    """Else the message would be tried for ever without being counted."""

    async def once():
        there = Transport()
        try:
            return await there.post("ftp://shop.example/", {}, b"")
        finally:
            await there.close()

    assert asyncio.run(once()).error == "UnsupportedProtocol"
    assert "nobody thought of" in caplog.text
