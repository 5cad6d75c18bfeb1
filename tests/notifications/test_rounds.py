"""The rounds of a sender: one that is frozen inside a transaction holds up nobody, and goes on when it thaws."""

import asyncio
import threading

import pytest
from django.db import connection, transaction

from notifications.log import wire
from notifications.models import ReaderCursor
from notifications.outside.rounds import Rounds
from notifications.outside.wake import Wake
from tests.notifications.conftest import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


class Sleeper(Rounds[None]):
    """Holds a row in its first round until it is woken."""

    name = "sleeper"

    def __init__(self) -> None:
        super().__init__(Wake())
        self.holds, self.wakes = threading.Event(), threading.Event()
        self.rounds = 0

    async def send_due(self) -> bool:
        await self.ask(self._look)
        return False

    def settle(self, back) -> None:
        back.clear()

    async def close(self) -> None:
        """Nothing is held."""

    def _look(self) -> None:
        with transaction.atomic():
            ReaderCursor.objects.select_for_update().get(name="told")
            self.holds.set()
            assert self.wakes.wait(20)
            ReaderCursor.objects.filter(name="told").update(position=1)
        self.rounds += 1


def test_a_frozen_sender_holds_up_nobody_and_goes_on_when_it_thaws(monkeypatch):
    monkeypatch.setattr(wire, "FROZEN_MS", 200)
    ReaderCursor.objects.create(name="told")
    stop, sleeper = threading.Event(), Sleeper()
    thread = threading.Thread(target=lambda: asyncio.run(sleeper.run(stop)))
    thread.start()
    try:
        assert sleeper.holds.wait(10)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '10s'")
            assert ReaderCursor.objects.select_for_update().get(name="told").position == 0
        sleeper.wakes.set()
        wait_for(lambda: sleeper.rounds)
        assert ReaderCursor.objects.get(name="told").position == 1
    finally:
        stop.set()
        sleeper.wakes.set()
        thread.join(20)
        assert not thread.is_alive()
