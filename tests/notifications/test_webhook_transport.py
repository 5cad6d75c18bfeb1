"""What is called is out in the world: no form of a private address passes, and a name is judged by where it leads."""

import asyncio
import datetime as dt
import ssl
from ipaddress import ip_address

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from notifications.outside import transport
from notifications.outside.addresses import is_public
from notifications.outside.judging import judge
from notifications.outside.transport import REPLY_BYTES, Transport
from tests.notifications import sinks

PRIVATE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.9", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1",
    "198.51.100.7", "203.0.113.5", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::808:808",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::",
    "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "5f00::1",
    "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "223.255.255.254", "2606:4700::1111"]


@pytest.mark.parametrize("text", PRIVATE)
def test_is_not_public(text):
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_is_public(text):
    assert is_public(ip_address(text))


@given(st.ip_addresses())
def test_never_calls_public_what_python_knows_to_be_private(address):
    inside = address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
    assert not (is_public(address) and (inside or address.is_reserved))


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_never_public(address):
    for wrapped in (f"::ffff:{address}", f"64:ff9b::{address}", f"::{address}"):
        assert not is_public(ip_address(wrapped))


FORMS = [
    "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://017700000001/", "http://0177.0.0.1/",
    "http://127.0.1/", "http://127.1/", "http://0/", "http://127.0.0.1./", "http://localhost./", "http://LOCALHOST/",
    "http://[::ffff:7f00:1]/", "http://[0:0:0:0:0:ffff:127.0.0.1]/",
    "http://[::127.0.0.1]/", "http://[fe80::1%25eth0]/",
    "http://１２７.０.０.１/", "http://127。0。0。1/", "http://⑯⑨。②⑤④。⑯⑨。②⑤④/", "http://ｌｏｃａｌｈｏｓｔ/",
    "http://a:b@8.8.8.8/", "http://8.8.8.8@127.0.0.1/", "http://8.8.8.8%40127.0.0.1/", "http://%31%32%37.0.0.1/",
    "http://example.com:22/", "http://example.com:0/", "http://example.com:8020/", "https://example.com:80/",
    "http://example..com/", "http://-a.example.com/", "http://exa_mple/", "http://example.com\t/",
    "http://example.com%00/",
    "http://printer.lan/", "http://db.localdomain/", "gopher://example.com/",
    "file:///etc/passwd", "http:///x", "http:x",
    "http://[::1]:8020@example.com/", "http://example.com\\.evil.example/",
    "http://*/",
]  # fmt: skip


@pytest.mark.parametrize("url", FORMS)
def test_no_form_of_a_private_address_passes(url, settings):
    settings.WEBHOOK_PRIVATE_HOSTS = []
    judged = judge(url)
    assert (
        not judged.may_be_called or judged.host == "169.254.169.254.nip"
    )  # a name as good as any; see what it leads to


@pytest.mark.parametrize(
    ("url", "host"),
    [("https://bücher.example/x", "xn--bcher-kva.example"), ("https://例子.测试/", "xn--fsqu00a.xn--0zwm56d"),
     ("https://BÜCHER.example./", "xn--bcher-kva.example")],
)  # fmt: skip
def test_a_name_in_any_script_is_known_by_its_ascii_form(url, host, settings):
    settings.WEBHOOK_PRIVATE_HOSTS = []
    assert judge(url) == (host, True)


@given(st.text(max_size=60))
def test_nothing_typed_breaks_it(text):
    judge(f"http://{text}/")
    judge(text)


def leads_to(*answers):
    """A resolver whose answers follow each other; the last one stays."""
    told = list(answers)

    async def resolve(host, port):
        resolve.asked.append((host, port))
        return told.pop(0) if len(told) > 1 else told[0]

    resolve.asked = []
    return resolve


@pytest.fixture
def connected(monkeypatch):
    """Where connections were really made to; none of them leaves this machine."""
    made = []

    async def connect_tcp(self, host, port, *_rest):
        made.append((host, port))
        raise httpcore.ConnectError("refused")

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect_tcp)
    return made


def post(url, **options):
    async def once():
        there = Transport(**options)
        try:
            return await there.post(url, {"webhook-id": "msg_x"}, b"{}")
        finally:
            await there.close()

    return asyncio.run(once())


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_inside_is_not_called(address, connected, settings):
    settings.WEBHOOK_PRIVATE_HOSTS = []
    answer = post("https://shop.example/", resolve_name=leads_to([address]))
    assert answer.error.startswith("not a public address")
    assert connected == []


def test_one_private_answer_among_public_ones_is_enough_to_refuse(connected, settings):
    settings.WEBHOOK_PRIVATE_HOSTS = []
    answer = post("https://shop.example/", resolve_name=leads_to(["8.8.8.8", "10.0.0.1"]))
    assert answer.error.startswith("not a public address")
    assert connected == []


def test_a_name_that_changes_its_answer_gains_nothing(connected, settings):
    """DNS rebinding: asked once, and called is what was checked."""
    settings.WEBHOOK_PRIVATE_HOSTS = []
    resolve = leads_to(["8.8.8.8"], ["127.0.0.1"])
    post("https://shop.example/", resolve_name=resolve)
    assert resolve.asked == [("shop.example", 443)]
    assert connected == [("8.8.8.8", 443)]


@pytest.mark.parametrize("url", ["http://shop.example:22/", "http://shop.example:6379/", "http://127.0.0.1:80/"])
def test_refuses_other_ports_and_literal_addresses_at_the_moment_of_calling_too(url, connected, settings):
    settings.WEBHOOK_PRIVATE_HOSTS = []
    answer = post(url, resolve_name=leads_to(["127.0.0.1"]))
    assert answer.error.startswith("not a public address")
    assert connected == []


def test_a_name_without_an_address_is_an_answer_too(connected, settings):
    async def unknown(host, port):
        raise OSError("Name or service not known")

    settings.WEBHOOK_PRIVATE_HOSTS = []
    assert post("https://shop.example/", resolve_name=unknown).error == "Name or service not known"
    assert post("https://shop.example/", resolve_name=leads_to([])).error == "the name has no address"


def test_a_resolver_that_hangs_does_not_hold_it_up(settings):
    async def hangs(host, port):
        await asyncio.sleep(60)

    settings.WEBHOOK_PRIVATE_HOSTS = []
    assert post("https://shop.example/", resolve_name=hangs, wall_seconds=0.2).error == "no answer in 0.2 s"


def test_the_environment_names_no_proxy(sink, monkeypatch):
    there, proxy = sink(), sink()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{proxy.host}")
    assert post(there.url).status == 202
    assert not proxy.got


def test_keeps_the_name_for_the_host_header(sink):
    there = sink(sinks.says(202))
    assert post(there.url).status == 202
    assert there.got[0].headers["host"] == there.host


def test_an_endless_reply_is_cut_at_four_kilobytes(sink):
    there = sink(sinks.never_ends)
    answer = post(there.url)
    assert (answer.status, len(answer.reply)) == (202, REPLY_BYTES)


def test_a_compressed_reply_is_not_unpacked(sink):
    there = sink(
        lambda sink, line, got: line.sendall(sinks.answer(200, b"\x1f\x8b" + b"\0" * 10, content_encoding="gzip"))
    )
    assert post(there.url).reply.startswith(b"\x1f\x8b")


def test_headers_of_a_hundred_kilobytes_are_an_error_not_a_fault(sink):
    there = sink(lambda sink, line, got: line.sendall(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000 + b"\r\n\r\n"))
    assert post(there.url).error


def test_garbage_instead_of_http_is_an_error_not_a_fault(sink):
    there = sink(lambda sink, line, got: line.sendall(b"\x00\xff\x00SSH-2.0-OpenSSH\r\n\r\n"))
    assert post(there.url).error


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """For shop.example, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example")])
    now = dt.datetime.now(tz=dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("shop.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


@pytest.mark.parametrize(("asked", "is_right"), [("shop.example", True), ("other.example", False)])
def test_the_certificate_must_be_the_names_own_although_an_address_is_called(
    certificate, asked, is_right, settings, monkeypatch
):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    heard = []
    server.sni_callback = lambda line, name, context: heard.append(name)
    client = ssl.create_default_context(cafile=certificate / "cert.pem")

    async def talk():
        async def take(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(sinks.answer(202))
            await writer.drain()
            writer.close()

        listening = await asyncio.start_server(take, "127.0.0.1", 0, ssl=server)
        port = listening.sockets[0].getsockname()[1]
        settings.WEBHOOK_PRIVATE_HOSTS = [f"{asked}:{port}"]
        there = Transport(resolve_name=leads_to(["127.0.0.1"]), tls=client)
        answer = await there.post(f"https://{asked}:{port}/", {}, b"{}")
        await there.close()
        listening.close()
        return answer

    answer = asyncio.run(talk())
    assert heard == [asked]
    assert (answer.status == 202) == is_right
    assert is_right or "certificate" in answer.error


def test_the_documented_limits_are_the_ones_in_force():
    limits = (transport.WALL_SECONDS, transport.REPLY_BYTES, transport.PORTS)
    assert limits == (15.0, 4_096, {80, 443})
