"""How a refusal sounds on the shop's side: the shop's word for the state, the name of the colleague who was faster."""

from django.db.models import Q

from config.ground.problems import Refusal
from notifications.models import Event
from orders.order.models import Order
from orders.order.road import WrongMoment
from orders.people import User
from orders.services.refusals import AlreadyAccepted
from orders.words import status_word


def sentence(refusal: Refusal, order: Order) -> str:
    """The refusal's sentence for somebody who works at the shop."""
    facts = dict(refusal.facts)
    if isinstance(refusal, WrongMoment):
        facts["status"] = status_word(order, "merchant").text
    if isinstance(refusal, AlreadyAccepted):
        facts["name"] = accepted_by(order) or facts["name"]
    return str(refusal.message).format(**facts)


def accepted_by(order: Order) -> str:
    """Who accepted it; empty when it was accepted by itself."""
    event = Event.objects.filter(Q(stream=order.stream, type="order.confirmed")).first()
    user = User.objects.filter(public_id=event.account).first() if event and event.account else None
    return user.name if user else ""
