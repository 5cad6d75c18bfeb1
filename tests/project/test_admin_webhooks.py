"""Support sees where programs are told, and repairs it by the owner's own services, with a reason that is kept."""

import pytest
from django.urls import reverse

from config.ground import clock
from notifications.models import Circuit, Endpoint, Message, RegisteredHost
from notifications.webhooks import endpoints
from orders.models import StaffAction, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def endpoint(cast):
    made, _secret = endpoints.add("usr_a", "customer/usr_a", "https://user-app.example/x", by=endpoints.By("customer"))
    endpoints.answer_challenge(made.pk, made.url, "")
    Message.objects.create(
        endpoint=made, host=made.host, type="order.paid", stream="order/ord_a", version=1, position=1, body="{}",
        next_at=clock.now(),
    )  # fmt: skip
    return Endpoint.objects.get()


@pytest.fixture
def root(browser):
    """A superuser's browser."""
    return browser(User.objects.create(username="root", is_staff=True, is_superuser=True))


def address(endpoint):
    return reverse("admin:notifications_endpoint_change", args=[endpoint.pk])


def test_one_endpoint_with_its_messages(desk, endpoint):
    shown = desk.sam.get(address(endpoint)).content.decode()
    for words in (endpoint.public_id, endpoint.url, "order.paid", "ord_a", "Due"):
        assert words in shown, words
    secret = endpoint.secrets_at(clock.now())[0]
    assert secret not in shown


def test_a_repair_needs_its_reason_and_is_kept_with_it(desk, endpoint):
    assert desk.sam.post(address(endpoint), {"what": "pause", "reason": "short"}).status_code == 422
    assert Endpoint.objects.get().state == "WORKING"
    done = desk.sam.post(address(endpoint), {"what": "pause", "reason": "Their server is being moved today."})
    assert done.status_code == 302
    assert Endpoint.objects.get().state == "PAUSED"
    kept = StaffAction.objects.get()
    assert (kept.does, kept.reason) == (f"webhook: pause {endpoint.public_id}", "Their server is being moved today.")


def test_a_repair_at_the_wrong_moment_says_so(desk, endpoint):
    answer = desk.sam.post(address(endpoint), {"what": "resume", "reason": "They say it works again."})
    assert answer.status_code == 422
    assert "in another state by now" in answer.content.decode()
    assert not StaffAction.objects.exists()


def test_one_message_is_sent_again(desk, endpoint):
    message = Message.objects.get()
    Message.objects.update(state="DONE", next_at=None, settled_at=clock.now())
    wish = {"message": message.public_id, "reason": "They lost it when they restored."}
    assert desk.sam.post(address(endpoint), wish).status_code == 302
    assert Message.objects.get().state == "WAITING"


@pytest.mark.parametrize("model", ["endpoint", "message", "circuit", "registeredhost"])
def test_every_list_opens_and_searches(desk, endpoint, model):
    assert Circuit.objects.exists()
    page = reverse(f"admin:notifications_{model}_changelist")
    assert desk.lena.get(page, {"q": "user-app.example"}).status_code == 200


def test_a_message_is_read_only(desk, endpoint):
    page = reverse("admin:notifications_message_change", args=[Message.objects.get().pk])
    assert desk.sam.get(page).status_code == 200
    assert desk.sam.post(page, {"body": "{1}"}).status_code == 403


@pytest.mark.parametrize("host", ["10.0.0.1", "localhost", "shop.example:22", "http://2130706433/", "a b"])
def test_no_private_host_is_registered_by_hand_either(root, host):
    page = reverse("admin:notifications_registeredhost_add")
    wish = {"account": "usr_a", "host": host, "reason": "They proved it by a letter."}
    assert (
        "so we cannot send there" in root.post(page, wish).text or "not a complete http" in root.post(page, wish).text
    )
    assert not RegisteredHost.objects.exists()


def test_a_host_registered_and_removed_by_hand_says_who_and_why(root, desk):
    page = reverse("admin:notifications_registeredhost_add")
    wish = {"account": "usr_a", "host": "Hooks.Shop.example", "reason": "They proved it by a letter."}
    assert desk.lena.post(page, wish).status_code == 403
    assert root.post(page, wish).status_code == 302
    host = RegisteredHost.objects.get()
    assert host.host == "hooks.shop.example"
    gone = reverse("admin:notifications_registeredhost_delete", args=[host.pk])
    assert root.post(gone, {"post": "yes"}).status_code == 302
    assert not RegisteredHost.objects.exists()
    done = StaffAction.objects.filter(outcome="DONE").order_by("id").values_list("does", flat=True)
    assert list(done) == [f"host: {verb} hooks.shop.example of usr_a" for verb in ("register", "remove")]
