"""The sender itself: sends every channel by itself, survives a carrier that breaks, and stops when it is told."""

import threading
from contextlib import contextmanager

import pytest
from django.core import mail as django_mail

from config.letters import office
from notifications.letters import sender
from notifications.letters.models import Channel, Letter
from notifications.letters.sender import Post, Way
from notifications.outside.wake import Wake
from tests.letters.world import letters, read
from tests.notifications.conftest import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


class Broken:
    """A carrier with a fault of its own."""

    async def send(self, claimed):
        raise ZeroDivisionError("a fault of ours")

    async def close(self):
        self.is_closed = True


@contextmanager
def running(ways):
    stop, wake, ended_well = threading.Event(), Wake(), []

    def work():
        import asyncio

        asyncio.run(sender.Sender(office, wake, ways).run(stop))
        ended_well.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield wake
    finally:
        stop.set()
        wake()
        thread.join(timeout=20)
        assert ended_well


def test_it_sends_by_itself_and_one_broken_channel_stops_no_other(ana, make_order):
    def known(letter):
        return office.directory.address_of(letter.person, letter.channel)

    make_order("COMPLETED")
    read()
    one = letters()[0]
    Letter.objects.create(
        person=ana.public_id, channel=Channel.SMS, kind=one.kind, about="SERVICE", stream=one.stream,
        position=one.position, language="en", next_at=one.next_at, text="…",
    )  # fmt: skip
    ana.set_phone("13800132071")
    ana.save()
    broken = Broken()
    with running({Channel.EMAIL: Way(known, Post()), Channel.SMS: Way(known, broken)}):
        wait_for(lambda: Letter.objects.filter(channel="EMAIL", state="SENT").count() == 2)
        wait_for(lambda: Letter.objects.filter(channel="SMS", tries=1).exists())
    assert len(django_mail.outbox) == 2
    sms = Letter.objects.get(channel="SMS")
    assert (sms.state, sms.why, sms.attempts.count()) == ("WAITING", "ZeroDivisionError", 1)
    assert broken.is_closed
