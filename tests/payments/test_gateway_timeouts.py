"""A gateway that does not answer, not even the call: two seconds to connect, five to answer, then nobody knows.

And the breaker: five failures in a row, ten seconds of rest, one call that tries.
"""

import contextlib
import socket
import threading

import pytest

from payments import gateways
from payments.gateways import GATEWAYS, accounts
from payments.gateways.alipay import Alipay
from payments.gateways.base import Resting, Unknown
from payments.gateways.breaker import FAILURES, REST_SECONDS, Breaker
from payments.gateways.wechat import Wechat
from payments.gateways.wechat_client import _library
from payments.models import Attempt
from payments.refusals import GatewayUnreachable
from tests.payments.conftest import channel_of, until
from tests.payments.paying import fresh, start

BOTH = pytest.mark.parametrize("form", ["native", "qr"])
ADAPTERS = {"WECHAT": Wechat, "ALIPAY": Alipay}


@pytest.fixture
def peer():
    """A socket that listens; `accepts` says whether anybody takes the calls. It never answers."""
    with contextlib.ExitStack() as stack:

        def listen(*, accepts):
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
            address = server.getsockname()
            taken = []
            if accepts:
                threading.Thread(target=_take, args=(server, taken), daemon=True).start()
                stack.callback(lambda: [call.close() for call in taken])
            else:
                for _ in range(4):  # fill the queue: the next caller's hand is never shaken
                    waiting = stack.enter_context(socket.socket())
                    waiting.setblocking(False)
                    waiting.connect_ex(address)
            return f"http://127.0.0.1:{address[1]}", taken

        yield listen


def _take(server, taken):
    with contextlib.suppress(OSError):
        while True:
            taken.append(server.accept()[0])


def test_a_gateway_has_two_seconds_to_connect_and_five_to_answer(simulator):
    wechat, alipay = Wechat(accounts.wechat), Alipay(accounts.alipay)
    assert _library(accounts.wechat(), wechat._client._timeouts)._core._timeout == (2.0, 5.0)
    limits = alipay._client._http.timeout
    assert (limits.connect, limits.read, limits.write, limits.pool) == (2.0, 5.0, 5.0, 5.0)


@BOTH
def test_a_peer_that_takes_the_call_and_says_nothing_is_given_up(form, simulator, settings, peer, ask):
    channel = channel_of(form)
    settings.SIMULATOR_URL, taken = peer(accepts=True)
    account = {"WECHAT": accounts.wechat, "ALIPAY": accounts.alipay}[channel]
    with pytest.raises(Unknown, match="did not answer"):
        ADAPTERS[channel](account, (0.5, 0.3)).create(ask(form))
    assert taken, "it was called"


@BOTH
def test_a_peer_that_does_not_take_the_call_is_given_up(form, simulator, settings, peer, ask):
    channel = channel_of(form)
    settings.SIMULATOR_URL, taken = peer(accepts=False)
    account = {"WECHAT": accounts.wechat, "ALIPAY": accounts.alipay}[channel]
    with pytest.raises(Unknown, match=r"did not answer: Connect\w*Timeout"):
        ADAPTERS[channel](account, (0.3, 0.5)).create(ask(form))
    assert taken == []


@BOTH
@pytest.mark.parametrize("fault", ["hang", "latency", "reset"])
def test_a_slow_or_broken_answer_leaves_the_payment_unknown_and_one(form, fault, simulator, ask):
    """The gateway did it all the same: the same number again finds that one payment."""
    simulator.faults(**{fault: {"rate": 1, "on": "create", "seconds": 3, "times": 1}})
    wanted, gateway = ask(form), GATEWAYS[channel_of(form)]
    with pytest.raises(Unknown):
        gateway.create(wanted)
    assert simulator.fired(fault) == 1
    assert gateway.create(wanted).code_url
    assert len(simulator.ask("trades")["trades"]) == 1


def test_the_numbers_of_the_breaker():
    assert (FAILURES, REST_SECONDS) == (5, 10.0)


def rested(limit=1, rest=60.0):
    """A breaker that has just seen enough."""
    breaker = Breaker("test", failures=limit, rest_seconds=rest)
    for _ in range(limit):
        with pytest.raises(Unknown), breaker:
            raise Unknown("down")
    return breaker


def test_one_call_at_a_time_tries_after_the_rest():
    breaker = rested(rest=0.05)
    until(lambda: breaker.is_closed)
    breaker._rest = 60.0
    with breaker:
        assert not breaker.is_closed, "the others keep resting while one tries"
        with pytest.raises(Resting), breaker:
            pytest.fail("a second one tried")
    assert breaker.is_closed
    with breaker:
        pass


def test_a_trial_that_fails_begins_the_rest_anew():
    breaker = rested(rest=0.05)
    until(lambda: breaker.is_closed)
    breaker._rest = 60.0
    with pytest.raises(Unknown), breaker:
        raise Unknown("still down")
    with pytest.raises(Resting), breaker:
        pytest.fail("a resting channel was called")


def test_failures_that_are_not_in_a_row_rest_nothing():
    breaker = Breaker("test", failures=2, rest_seconds=60)
    for _ in range(3):
        with pytest.raises(Unknown), breaker:
            raise Unknown("down")
        with breaker:
            pass
    assert breaker.is_closed


@pytest.mark.django_db(transaction=True)
def test_a_resting_channel_is_told_at_once_the_other_one_works_and_it_comes_back(simulator, make_order, client, cast):
    """The whole way through the pay page: five in a row, the other channel, one trial, usual again."""
    gateway = GATEWAYS["WECHAT"]
    simulator.faults(error_before={"rate": 1, "on": "create", "times": 5})
    for _ in range(5):
        start(make_order(paid=False))
    assert simulator.fired("error_before") == 5
    assert gateways.resting() == ["WECHAT"]

    order = make_order(paid=False)
    client.force_login(cast.ana)
    page = client.get(f"/orders/{order.public_id}/pay/").content.decode()
    assert "We cannot reach WeChat Pay. Nothing was charged. Try Alipay, or wait" in page
    assert Attempt.objects.filter(order=order).count() == 0
    with pytest.raises(GatewayUnreachable):
        start(order)
    answer = client.post(f"/orders/{order.public_id}/pay/", {"channel": "ALIPAY"}, follow=True)
    assert "Open Alipay" in answer.content.decode()

    gateway._breaker._open_until = 0.0  # ten seconds later
    assert start(make_order(paid=False)).has_a_way
    assert gateways.resting() == []
    assert fresh(order).payment_status == "UNPAID"
