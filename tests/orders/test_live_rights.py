"""On every live line, a right that was taken away ends within a minute; nobody sees more than their role may."""

import json
import time
from contextlib import closing
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.plugins.otp_totp.models import TOTPDevice

from config.ground import clock
from config.live import PEOPLE, TOPICS
from notifications.live import tickets
from notifications.live.person import NOBODY, Credential, Person
from notifications.live.protocol import RIGHTS_SECONDS
from orders import services
from orders.actors import as_merchant, as_rider, as_staff
from orders.live import account_of, follow_order
from orders.models import ApiKey, Order, ShopStaff
from orders.order.models import LINK_LASTS
from orders.services import Placement
from tests.conftest import ADDRESS, noodle_items
from tests.notifications.conftest import Client, LiveServer, check_rights, running_relay, wait_for
from tests.notifications.test_transports import Stream, poll
from tracking.models import Rider

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "s" * 40


@pytest.fixture
def live(transactional_db):
    """The live server with the topics and people of the product."""
    server = LiveServer(topics=TOPICS, people=PEOPLE)
    yield server
    server.stop()


def session_of(user):
    browser = Browser()
    browser.force_login(user)
    return browser.session


def by_session(cast, noodles, order):
    session = session_of(cast.ana)
    return SimpleNamespace(topic=f"order/{order.public_id}", session=session, code=4401)


def signed_out(cast, noodles, order):
    way = by_session(cast, noodles, order)
    return way, way.session.flush


def password_changed(cast, noodles, order):
    return by_session(cast, noodles, order), lambda: (cast.ana.set_password("another"), cast.ana.save())


def account_closed(cast, noodles, order):
    return by_session(
        cast, noodles, order
    ), lambda: type(cast.ana).objects.filter(pk=cast.ana.pk).update(is_active=False)


def key_revoked(cast, noodles, order):
    key, secret = ApiKey.issue(cast.ana, "test")
    way = SimpleNamespace(topic=f"order/{order.public_id}", credential=Credential("key", secret), code=4401)
    return way, lambda: ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())


def account_of_a_ticket_changed(cast, noodles, order):
    way = SimpleNamespace(
        topic=f"order/{order.public_id}", credential=Credential("account", account_of(cast.ana)), code=4401
    )
    return way, lambda: (cast.ana.set_password("another"), cast.ana.save())


def guest(noodles):
    wanted = Placement(shop_id=noodles.shop.public_id, items=noodle_items(noodles), method="CASH", address=ADDRESS)
    order = services.place_order(wanted, customer=None, guest_secret=SECRET)
    session = Browser().session
    session["guest_orders"] = [order.public_id]
    session.save()
    return order, SimpleNamespace(topic=f"order/{order.public_id}", session=session, code=4403)


def guest_session_ended(cast, noodles, order):
    _order, way = guest(noodles)
    return way, way.session.flush


def guest_link_withdrawn(cast, noodles, order):
    own, way = guest(noodles)
    return way, lambda: services.withdraw_link(own.public_id, as_staff(cast.sam))


def guest_link_expired(cast, noodles, order):
    own, way = guest(noodles)
    return way, lambda: Order.objects.filter(pk=own.pk).update(ended_at=clock.now() - LINK_LASTS)


def staff_left_the_shop(cast, noodles, order):
    way = SimpleNamespace(topic=f"board/{noodles.shop.public_id}", session=session_of(cast.bea), code=4403)
    return way, lambda: ShopStaff.objects.filter(user=cast.bea).delete()


def support(cast):
    device = TOTPDevice.objects.create(user=cast.sam, name="phone")
    session = session_of(cast.sam)
    session[DEVICE_ID_SESSION_KEY] = device.persistent_id
    session.save()
    return device, SimpleNamespace(topic="ops", session=session, code=4403)


def second_factor_forgotten(cast, noodles, order):
    _device, way = support(cast)
    return way, lambda: (way.session.pop(DEVICE_ID_SESSION_KEY), way.session.save())


def second_factor_removed(cast, noodles, order):
    device, way = support(cast)
    return way, device.delete


def rider_off_duty(cast, noodles, order):
    Rider.objects.create(user=cast.ravi, is_on_duty=True)
    way = SimpleNamespace(topic="jobs", session=session_of(cast.ravi), code=4403)
    return way, lambda: Rider.objects.update(is_on_duty=False)


WAYS = [
    signed_out, password_changed, account_closed, key_revoked, account_of_a_ticket_changed, guest_session_ended,
    guest_link_withdrawn, guest_link_expired, staff_left_the_shop, second_factor_forgotten, second_factor_removed,
    rider_off_duty,
]  # fmt: skip


@pytest.mark.parametrize("taken", WAYS, ids=lambda way: way.__name__)
def test_what_was_taken_away_ends_on_every_transport(live, cast, noodles, make_order, settings, taken):
    """Socket and stream are ended when their turn comes, which is before a minute is over; a poll asks anew anyway."""
    settings.ADMIN_NEEDS_TOTP = True
    way, take = taken(cast, noodles, make_order("CONFIRMED"))
    session = way.session.session_key if hasattr(way, "session") else ""

    def ticket():
        return {"ticket": tickets.issue(way.credential)} if hasattr(way, "credential") else {}

    told = "&".join(f"{name}={value}" for name, value in ticket().items())
    socket = Client(live.port, session=session, path=f"/live/ws?{told}")
    socket.follow(way.topic)
    assert socket.hear()["type"] == "snapshot"
    with closing(Stream(live.port, session, way.topic, **ticket())) as stream:
        assert stream.hear()["type"] == "snapshot"
        assert poll(live.port, session, way.topic, **ticket()).status_code == 200
        passes = ticket()
        take()
        assert RIGHTS_SECONDS < 60
        live.hub.clock = lambda: time.monotonic() + RIGHTS_SECONDS
        assert socket.closed_with()[0] == way.code
        said = [stream.hear() for _ in range(2 if way.code == 4403 else 1)]
        assert (said[-1]["type"], said[-1]["code"]) == ("closed", way.code)
        assert stream.hear() is None
    live.hub.rights._known.clear()  # as five seconds do
    assert poll(live.port, session, way.topic, **passes).status_code == (401 if passes else 404)
    wait_for(lambda: not live.hub.connections)


def test_one_line_whose_rights_cannot_be_told_holds_up_no_other(live, cast, make_order):
    topic = f"order/{make_order('CONFIRMED').public_id}"
    keys = [session_of(cast.ana).session_key for _ in range(2)]
    first, second = (Client(live.port, session=key) for key in keys)
    for line in (first, second):
        line.follow(topic)
        assert line.hear()["type"] == "snapshot"

    def broken(key):
        if key == keys[0]:
            raise ValueError(key)
        return NOBODY

    live.hub.people = {**PEOPLE, "session": broken}
    check_rights(live)
    assert second.closed_with()[0] == 4401
    assert [line.credential.value for line in live.hub.connections] == keys[:1]


@pytest.mark.parametrize("who", ["guest", "ana", "bea", "ravi", "mallory"])
def test_anothers_order_is_asked_about_like_one_that_never_was(cast, noodles, keyshop, who):
    """The same questions to the database, so the answer takes as long, and it is the same."""
    items = [services.Item(keyshop.card.public_id, 1)]
    wanted = Placement(shop_id=keyshop.shop.public_id, items=items, method="WECHAT", address={})
    theirs = services.place_order(wanted, customer=cast.chen)
    user = None if who == "guest" else getattr(cast, who)
    person = Person(guest_orders=frozenset({"ord_x"})) if user is None else Person(user.pk, user.public_id)
    asked = []
    for ref in (theirs.public_id, "ord_" + "0" * 16):
        with CaptureQueriesContext(connection) as queries:
            assert follow_order(person, ref) is None
        asked.append(len(queries))
    assert asked[0] == asked[1]


def test_every_transport_says_the_same_of_anothers_order(live, cast, make_order):
    order = make_order("CONFIRMED")
    mallory = session_of(cast.mallory).session_key

    def answers(ref):
        topic = f"order/{ref}"
        socket = Client(live.port, session=mallory)
        socket.follow(topic)
        told = [json.dumps(socket.hear())]
        socket.socket.close()
        with closing(Stream(live.port, mallory, topic)) as stream:
            told += [json.dumps(stream.hear()), json.dumps(stream.hear())]
        told.append(poll(live.port, mallory, topic).text)
        return [text.replace(ref, "…") for text in told], [len(text) for text in told]

    assert answers(order.public_id) == answers("ord_" + "0" * 16)


PRIVATE = ("13800132071", "Ana Lima", "Maple Lane", "Unit 502", "no coriander")
SUMS = ("amountMinor", "returnedMinor")


def test_each_role_hears_only_what_it_may(live, cast, noodles, make_order):
    """An order's whole life, heard by everybody who may: no name, number, address or note; to riders no sum."""
    Rider.objects.create(user=cast.ravi, is_on_duty=True)
    order = make_order(paid=False)
    board, mine = f"board/{noodles.shop.public_id}", f"order/{order.public_id}"
    lines = {
        "ana": [mine, f"customer/{cast.ana.public_id}"], "bea": [mine, board], "sam": [mine, board, "ops"],
        "ravi": ["jobs", f"rider/{cast.ravi.public_id}"], "mallory": [f"shop/{noodles.shop.public_id}"],
    }  # fmt: skip
    heard = {}
    with running_relay():
        for name, topics in lines.items():
            client = heard[name] = Client(live.port, session=session_of(getattr(cast, name)).session_key)
            for topic in topics:
                client.follow(topic)
            assert {client.hear()["type"] for _ in topics} == {"snapshot"}
        _live_through(order, cast)
        last = Order.objects.get(pk=order.pk).version
        ends = lines | {"ravi": lines["ravi"][1:], "mallory": []}
        frames = {name: everything_of(client, ends[name], last) for name, client in heard.items()}
        heard["mallory"].say(type="ping")
        while (frame := heard["mallory"].hear())["type"] != "pong":
            frames["mallory"].append(frame)
    for client in heard.values():
        client.socket.close()
    everything = json.dumps(frames)
    assert not [secret for secret in PRIVATE if secret in everything]
    for name in ("ana", "bea", "sam"):
        paid = [one["data"]["amountMinor"] for one in frames[name] if one["type"] == "order.paid"]
        assert set(paid) == {order.total_minor}
    sums = [one["data"].get(name) for one in frames["ravi"] for name in SUMS if name in one.get("data", {})]
    assert sums, "nothing with a sum came to the rider"
    assert set(sums) == {None}
    assert {one["topic"] for one in frames["ravi"]} <= set(lines["ravi"])
    assert not [one for one in frames["mallory"] if one.get("order")]


def everything_of(client, topics, last):
    """What a client hears until each of these topics has told the last version."""
    told, ahead = [], set(topics)
    while ahead:
        told.append(client.hear())
        if told[-1].get("version") == last:
            ahead.discard(told[-1]["topic"])
    return told


def _live_through(order, cast):
    bruno, ravi = as_merchant(cast.bruno), as_rider(cast.ravi)
    ref = order.public_id
    services.mark_paid(ref, amount_minor=order.total_minor, channel="WECHAT")
    services.confirm_order(ref, minutes=15, actor=bruno)
    services.assign_carrier(ref, carrier=cast.ravi, actor=ravi)
    services.start_preparing(ref, actor=bruno)
    services.strike_out_line(ref, 2, actor=bruno)
    services.mark_ready(ref, actor=bruno)
    services.pick_up(ref, carrier=cast.ravi, actor=ravi)
    services.complete_order(ref, actor=ravi)
