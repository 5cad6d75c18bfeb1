"""Letters as the relay makes and sends them: the real reader over the real log, the real claim and settle."""

from django.core import mail as django_mail

from config.ground import clock
from config.letters import office
from notifications.letters import mail, settling
from notifications.letters.models import Letter
from notifications.letters.office import READER
from notifications.log.readers import Reader
from notifications.models import Event


def read(handler=office):
    """Number what happened and let the reader hear it, as the relay does."""
    number()
    reader = Reader(READER, handler)
    while reader.step():
        pass


def number():
    """Give what was appended its positions, inside the test's own transaction."""
    last = Event.objects.order_by("-position").filter(position__isnull=False).values_list("position", flat=True).first()
    for position, pk in enumerate(
        Event.objects.filter(position=None).order_by("id").values_list("pk", flat=True), (last or 0) + 1
    ):
        Event.objects.filter(pk=pk).update(position=position)


def letters(**wanted):
    return list(Letter.objects.filter(**wanted).order_by("pk"))


def kinds(**wanted):
    return [one.kind for one in letters(**wanted)]


def claim(channel="EMAIL", handler=office):
    """What a sender would take now."""
    return settling.claim(handler, channel, 50, lambda one: handler.directory.address_of(one.person, one.channel))


def send_mail(handler=office):
    """One round of the sender for e-mail; returns what arrived."""
    before = len(django_mail.outbox)
    settling.settle([settling.Outcome(one, mail.send(one), clock.now()) for one in claim(handler=handler)])
    return django_mail.outbox[before:]
