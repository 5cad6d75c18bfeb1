"""What can happen to an order on the way to its money: one function a scene, and the table that says how often.

plan.py draws from the table. A scene writes steps, each so many seconds after the order was placed; its dice are its
own, so that the same seed writes the same steps.
"""

import random
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

LOST: Final = 0.25  # of the payments that a scene makes behind the gateway's back; the simulator draws the others
WINDOW: Final = 60.0  # seconds in which the gateway takes money
DEADLINE: Final = 120.0  # seconds until the order is cancelled
FORMS: Final = {"WECHAT": ("native", "h5"), "ALIPAY": ("page", "qr", "wap")}


class Act(NamedTuple):
    """One thing that somebody does; `way` counts the ways to pay that the order has been given."""

    verb: str
    way: int = 0
    facts: dict[str, Any] = {}


class Step(NamedTuple):
    """Acts of the same moment, so many seconds after the order was placed."""

    after: float
    acts: tuple[Act, ...]


@dataclass
class Draw:
    """What a scene may ask while it is written."""

    random: random.Random
    channel: str
    form: str
    steps: list[Step] = field(default_factory=list)

    def at(self, after: float, *acts: Act) -> None:
        """Add a step."""
        self.steps.append(Step(round(after, 2), acts))

    def between(self, low: float, high: float) -> float:
        """A moment between two others."""
        return self.random.uniform(low, high)

    def other(self) -> tuple[str, str]:
        """The other channel, and one of its forms."""
        channel = "ALIPAY" if self.channel == "WECHAT" else "WECHAT"
        return channel, self.random.choice(FORMS[channel])

    def begins(self) -> None:
        """The customer asks for a way to pay."""
        self.at(1, starts(self.channel, self.form))

    def looks(self) -> None:
        """The buyer opens the cashier, so that the gateway knows the payment and can close it, and goes away again."""
        self.at(4, Act("decline"))


def starts(channel: str, form: str) -> Act:
    """Ask for a way to pay."""
    return Act("start", facts={"channel": channel, "form": form})


def pays(way: int = 0, **facts: Any) -> Act:
    """Pay by the so-many-eth way: at the cashier, or (facts) behind the gateway's back."""
    return Act("pay", way, facts)


def _plain(draw: Draw) -> None:
    draw.begins()
    draw.at(draw.between(3, 45), pays())


def _impatient(draw: Draw) -> None:
    draw.begins()
    draw.at(draw.between(3, 20), pays())
    draw.at(25, Act("start", facts={"channel": draw.channel, "form": draw.form}))


def _declines(draw: Draw) -> None:
    draw.begins()
    draw.looks()
    draw.at(draw.between(10, 30), pays())


def _walks_away(draw: Draw) -> None:
    if draw.random.random() < 0.7:
        draw.begins()


def _at_the_gateways_deadline(draw: Draw) -> None:
    draw.begins()
    draw.at(WINDOW + draw.between(-6, 3), pays())


def _at_our_deadline(draw: Draw) -> None:
    draw.begins()
    draw.at(DEADLINE + draw.between(-3, 8), pays(late=True))


def _long_after(draw: Draw) -> None:
    draw.begins()
    draw.at(DEADLINE + draw.between(30, 120), pays(late=True, silent=draw.random.random() < LOST))


def _late_and_lost(draw: Draw) -> None:
    draw.begins()
    draw.at(DEADLINE + 40, pays(late=True, silent=True))


def _after_an_acknowledged_close(draw: Draw) -> None:
    draw.begins()
    draw.looks()
    draw.at(10, Act("cancel"))
    draw.at(45, pays(late=True))


def _switches(draw: Draw) -> None:
    draw.begins()
    if draw.random.random() < 0.5:
        draw.looks()
    draw.at(draw.between(6, 20), starts(*draw.other()))
    draw.at(draw.between(22, 45), pays(way=1))


def _switches_while_paying(draw: Draw) -> None:
    draw.begins()
    draw.at(10, pays(), starts(*draw.other()))
    draw.at(20, pays(way=1))


def _pays_the_old_way_too(draw: Draw) -> None:
    draw.begins()
    draw.looks()
    draw.at(8, starts(*draw.other()))
    draw.at(15, pays(way=1))
    draw.at(draw.between(20, 50), pays(late=True))


def _pays_on_both(draw: Draw) -> None:
    """Alipay does not know a page that nobody opened, so nothing closes it: its address stays good."""
    draw.at(1, starts("ALIPAY", "page"))
    draw.at(8, starts("WECHAT", "native"))
    draw.at(14, pays(way=1))
    draw.at(draw.between(18, 40), pays(way=0))


def _tampers(draw: Draw) -> None:
    draw.begins()
    draw.at(draw.between(5, 20), pays(more=draw.random.choice((-100, -1, 1, 5000))))


def _cancels_while_paying(draw: Draw) -> None:
    draw.begins()
    draw.at(10, pays(), Act("cancel"))


def _cancels_then_pays(draw: Draw) -> None:
    draw.begins()
    draw.at(9, Act("cancel"))
    draw.at(9.2 + draw.between(0, 6), pays())


def _pays_then_cancels(draw: Draw) -> None:
    draw.begins()
    draw.at(6, pays())
    draw.at(draw.between(14, 30), Act("cancel"))


def _rejected(draw: Draw) -> None:
    draw.begins()
    draw.at(6, pays())
    draw.at(30, Act("reject"))


def _served(draw: Draw) -> None:
    draw.begins()
    draw.at(6, pays())
    _is_carried(draw, "hand-over")


def _pays_cash(draw: Draw) -> None:
    """The rider says it twice, as people do when a page is slow."""
    _is_carried(draw, "cash", "cash", "hand-over")


def _is_carried(draw: Draw, *at_the_door: str) -> None:
    steps = ("confirm", "start-preparing", "ready", "claim", "pick-up", *at_the_door)
    for number, verb in enumerate(steps):
        draw.at(30 + 5 * number, Act(verb))


def _struck(draw: Draw) -> None:
    draw.begins()
    draw.at(6, pays())
    draw.at(35, Act("strike-out"))
    draw.at(60, Act("strike-out") if draw.random.random() < 0.3 else Act("look"))


def _lost_and_crashed(draw: Draw) -> None:
    draw.begins()
    draw.at(5, pays(silent=True))


def _keys_spoilt(draw: Draw) -> None:
    draw.begins()
    draw.at(4, Act("spoil-keys"))
    draw.at(8, pays())


def _console(draw: Draw) -> None:
    draw.begins()
    draw.at(6, pays())
    draw.at(draw.between(60, 90), Act("console-refund", facts={"notify": draw.random.random() < 0.5}))


class Scene(NamedTuple):
    """How to write it, how often it is drawn, and the trade it needs, if any."""

    write: Any
    weight: int
    trade: str = ""
    channel: str = ""
    always_crashes: bool = False
    wants_the_last_keys: bool = False


SCENES: Final[dict[str, Scene]] = {
    "pays": Scene(_plain, 24),
    "asks again after paying": Scene(_impatient, 3),
    "declines, then pays": Scene(_declines, 3),
    "never pays": Scene(_walks_away, 6),
    "pays at the gateway's deadline": Scene(_at_the_gateways_deadline, 4),
    "pays at our deadline": Scene(_at_our_deadline, 4),
    "pays long after the deadline": Scene(_long_after, 3),
    "pays late, and nobody says so": Scene(_late_and_lost, 2),
    "pays after an acknowledged close": Scene(_after_an_acknowledged_close, 3),
    "changes the method, then pays": Scene(_switches, 5),
    "changes the method while paying": Scene(_switches_while_paying, 3),
    "pays the new way, then the old": Scene(_pays_the_old_way_too, 2),
    "pays on two channels": Scene(_pays_on_both, 3),
    "pays another amount": Scene(_tampers, 3),
    "cancels while paying": Scene(_cancels_while_paying, 3),
    "cancels, then pays": Scene(_cancels_then_pays, 3),
    "pays, then cancels": Scene(_pays_then_cancels, 4, "MEAL"),
    "is rejected by the shop": Scene(_rejected, 4, "MEAL"),
    "is served": Scene(_served, 8, "MEAL"),
    "pays cash at the door": Scene(_pays_cash, 4, "MEAL", channel="CASH"),
    "a line is struck out": Scene(_struck, 5, "GROCERY"),
    "its reserved keys are spoilt": Scene(_keys_spoilt, 2, "DIGITAL", wants_the_last_keys=True),
    "pays, nobody says so, and who asks dies": Scene(_lost_and_crashed, 2, always_crashes=True),
    "pays late, nobody says so, and who asks dies": Scene(_late_and_lost, 2, always_crashes=True),
    "the gateway's console gives some back": Scene(_console, 3, "GROCERY"),
}
