"""Letters to whoever owns an account: the owners of a shop, or the person; orders/tasks.py sends them by the clock."""

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import translation

from notifications.webhooks.care import Failing
from orders.people import ShopStaff, User


def owners_of(account: str) -> list[User]:
    """The people behind a public id: a shop's owners, or the person with that id; only those with an address."""
    if account.startswith("res_"):
        staff = ShopStaff.objects.filter(shop__public_id=account, role=ShopStaff.Role.OWNER).select_related("user")
        people = [one.user for one in staff]
    else:
        people = list(User.objects.filter(public_id=account))
    return [person for person in people if person.email and person.is_active]


def tell_of_failing(failing: Failing) -> int:
    """Write that an endpoint has failed for an hour, to each owner in their language; returns how many letters."""
    people = owners_of(failing.account)
    page = "/api/v1/webhooks"
    if failing.account.startswith("res_"):
        page = f"/merchant/{failing.account}/webhooks/"
    for person in people:
        with translation.override(person.language):
            facts = {"failing": failing, "person": person, "page": f"{settings.PUBLIC_URL}{page}"}
            subject, _, text = render_to_string("emails/webhook_failing.txt", facts).strip().partition("\n")
        send_mail(subject.strip(), text.strip() + "\n", None, [person.email])
    return len(people)
