"""How notifications travel: retries, faults that strike on the way, restarts."""

import queue
import signal
import threading

import pytest

from payments.gateways import GATEWAYS
from payments.gateways.base import Forged, RefundAsk
from tests.payments.conftest import Simulator, channel_of, until

BOTH = pytest.mark.parametrize("form", ["native", "page"])


def verdict(gateway, heard):
    try:
        return gateway.parse_notification(*heard).dedupe_key
    except Forged as forged:
        return forged.reason


def quiet(simulator):
    return until(lambda: simulator.ask("totals")["letters_under_way"] == 0)


@BOTH
def test_retries_until_the_shop_acknowledges(form, simulator, opened, ear):
    for answer in [(500, b""), (401, b"failure"), (200, b"success")]:
        ear.answers.put(answer)
    no = opened(form)
    simulator.pay(no)
    keys = {verdict(GATEWAYS[channel_of(form)], ear.next()) for _ in range(3)}
    assert keys == {simulator.trade(no)["letters"][0]["id"]}, "one letter, three tries"
    quiet(simulator)
    assert ear.heard.empty()


def test_alipay_takes_nothing_but_success_for_an_answer(simulator, opened, ear):
    ear.answers.put((200, b"ok"))
    ear.answers.put((200, b'"success"'))
    simulator.pay(opened("page"))
    for _ in range(3):
        ear.next()
    quiet(simulator)


@BOTH
def test_a_lost_notification_never_comes_but_the_query_knows(form, simulator, opened, ear):
    simulator.faults(lost=1)
    no = opened(form)
    simulator.pay(no)
    quiet(simulator)
    assert simulator.fired("lost") == 1
    assert ear.heard.empty()
    assert GATEWAYS[channel_of(form)].query(no).state == "SUCCESS"


@BOTH
def test_a_duplicated_notification_comes_three_times(form, simulator, opened, ear):
    simulator.faults(duplicated=1)
    simulator.pay(opened(form))
    keys = {verdict(GATEWAYS[channel_of(form)], ear.next()) for _ in range(3)}
    quiet(simulator)
    assert simulator.fired("duplicated") == 1
    assert len(keys) == 1
    assert ear.heard.empty()


@pytest.mark.parametrize(
    ("form", "fault", "reason"),
    [
        ("native", "forged", "signature"),
        ("native", "tampered", "signature"),
        ("native", "stale", "stale"),
        ("native", "foreign", "merchant"),
        ("page", "forged", "signature"),
        ("page", "tampered", "signature"),
        ("page", "foreign", "merchant"),
    ],
)
def test_a_bad_copy_comes_before_the_true_one(form, fault, reason, simulator, opened, ear):
    simulator.faults(**{fault: 1})
    no = opened(form)
    simulator.pay(no)
    gateway = GATEWAYS[channel_of(form)]
    assert verdict(gateway, ear.next()) == reason
    assert verdict(gateway, ear.next()) == simulator.trade(no)["letters"][0]["id"]
    assert simulator.fired(fault) == 1


def test_a_delayed_notification_comes_after_the_query_knew(simulator, opened, ear):
    simulator.faults(delayed={"rate": 1, "seconds": 200})  # a third of a second at this time scale
    no = opened("native")
    simulator.pay(no)
    assert GATEWAYS["WECHAT"].query(no).state == "SUCCESS"
    assert ear.heard.empty()
    assert GATEWAYS["WECHAT"].parse_notification(*ear.next()).payment.out_trade_no == no
    assert simulator.fired("delayed") == 1


@pytest.mark.parametrize("form", ["native", "qr"])
def test_an_early_notification_comes_before_the_create_answer(form, simulator, ask, ear):
    simulator.faults(early=1)
    wanted, answered = ask(form), threading.Event()
    gateway = GATEWAYS[channel_of(form)]
    ear.answers.put((500, b""))  # even unacknowledged it does not hold the create call
    order: list[str] = []

    def create() -> None:
        gateway.create(wanted)
        order.append("created")
        answered.set()

    worker = threading.Thread(target=create)
    worker.start()
    assert gateway.parse_notification(*ear.next()).payment.out_trade_no == wanted.out_trade_no
    order.append("notified")
    assert answered.wait(10)
    worker.join()
    assert simulator.fired("early") == 1
    assert sorted(order) == ["created", "notified"]
    log = [line["what"] for line in simulator.ask("log", out_trade_no=wanted.out_trade_no)["log"]]
    assert log.index("notification") < log.index("call")


def test_a_changed_amount_is_captured_and_told_truthfully(simulator, opened):
    simulator.faults(amount_changed=1)
    no = opened("native")
    simulator.pay(no)
    assert simulator.fired("amount_changed") == 1
    assert GATEWAYS["WECHAT"].query(no).amount_minor == 1235


@BOTH
def test_the_oracle_pays_any_amount(form, simulator, opened):
    no = opened(form)
    simulator.pay(no, amount=1)
    assert GATEWAYS[channel_of(form)].query(no).amount_minor == 1


def test_a_killed_simulator_goes_on_where_it_was(tmp_path, ask, ear, settings):
    """Trades, keys and undelivered notifications survive kill −9."""
    simulator = Simulator(tmp_path)
    simulator.start()
    settings.SANDBOX, settings.SIMULATOR_URL, settings.GATEWAY_DIR = True, simulator.url, simulator.gateway_dir
    wanted = ask("native")
    ear.answers.put((500, b""))
    try:
        GATEWAYS["WECHAT"].create(wanted)
        simulator.faults(lost=0, delayed={"rate": 1, "seconds": 36000})
        simulator.pay(wanted.out_trade_no)
        with pytest.raises(queue.Empty):
            ear.heard.get(timeout=0.05)
        simulator.stop(signal.SIGKILL)
        simulator.start()
        assert GATEWAYS["WECHAT"].parse_notification(*ear.next()).payment.out_trade_no == wanted.out_trade_no
        assert GATEWAYS["WECHAT"].query(wanted.out_trade_no).state == "SUCCESS"
    finally:
        simulator.stop()


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path, ask, ear, settings):
    """Open, closed, paid, refunded, a stuck refund and a late capture: all go on where they were."""
    simulator = Simulator(tmp_path)
    simulator.start()
    settings.SANDBOX, settings.SIMULATOR_URL, settings.GATEWAY_DIR = True, simulator.url, simulator.gateway_dir
    gateway = GATEWAYS["WECHAT"]
    numbers = [gateway.create(wanted := ask("native")) and wanted.out_trade_no for _ in range(4)]
    waiting, paid, closed, late = numbers
    try:
        simulator.pay(paid)
        assert ear.next()
        long = {"rate": 1, "seconds": 600 * 3600, "times": 1}  # an hour at this time scale
        simulator.faults(refund_stuck=long, paid_after_close=long)
        for part in ("stuck", "done"):
            gateway.refund(RefundAsk(out_trade_no=paid, out_refund_no=part, amount_minor=100, total_minor=1234))
        gateway.close(late)
        gateway.close(closed)
        assert simulator.fired("refund_stuck") == simulator.fired("paid_after_close") == 1
        before = {no: simulator.trade(no) for no in numbers}

        simulator.stop(signal.SIGKILL)
        simulator.start()

        assert {no: simulator.trade(no)["refunds"] for no in numbers} == {no: before[no]["refunds"] for no in numbers}
        assert [gateway.query(no).state for no in (waiting, closed)] == ["NOTPAY", "CLOSED"]
        assert gateway.create(ask("native", out_trade_no=waiting)).code_url.endswith(before[waiting]["token"])
        simulator.tell("clock", advance=3601)
        told = {_about(gateway, ear.next()) for _ in range(3)}
        assert told == {("refund", "stuck"), ("refund", "done"), ("payment", late)}
        assert simulator.trade(late)["captured"] == 1234
    finally:
        simulator.stop()


def _about(gateway, heard):
    notice = gateway.parse_notification(*heard)
    return (notice.kind, notice.refund.out_refund_no if notice.refund else notice.payment.out_trade_no)


def test_the_books_are_for_the_owner_only(tmp_path):
    simulator = Simulator(tmp_path)
    simulator.start()
    try:
        modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "state").glob("books.sqlite3*")}
        assert modes["books.sqlite3"] == 0o600
        assert set(modes.values()) == {0o600}
    finally:
        simulator.stop()
