"""Every address of the product and who may open it; a new address without an entry here fails.

Mallory, who is signed in and belongs nowhere, and a guest try every door with real ids.
"""

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from orders.models import KeyPool

EVERYBODY, SIGNED_IN, CUSTOMER, SHOP, RIDER, PROGRAM = "everybody", "signed in", "customer", "shop", "rider", "program"
WHO = {
    EVERYBODY: """
        storefront:home storefront:address storefront:card storefront:shop storefront:product
        storefront:price storefront:cart
        storefront:put storefront:set storefront:checkout storefront:bill storefront:orders
        account:signin account:signup account:signout account:language account:unsubscribe account:email
        storefront:worker
        demo:inbox demo:letter
        developers developers_client
        callbacks:wechat callbacks:alipay
        api:restaurants api:menu api:token api:token-refresh api:openapi api:openapi-older
        media
    """,
    CUSTOMER: """
        storefront:order storefront:guest storefront:door storefront:panel storefront:cancel storefront:again
        storefront:receipt storefront:proof storefront:key
        payments:pay payments:card payments:paid_check
    """,
    SIGNED_IN: "merchant:home account:letters account:email_again account:push account:push_off",
    SHOP: """
        merchant:board merchant:ticket merchant:switches merchant:switch merchant:order merchant:reject
        merchant:call_off merchant:sold_out merchant:step merchant:products merchant:new_product merchant:product
        merchant:product_row merchant:sale merchant:count merchant:choice merchant:keys merchant:pool
        merchant:void_key merchant:pool_limits merchant:void_batch merchant:key_import merchant:stop_import
        merchant:import_report merchant:statistics
        merchant:webhooks merchant:new_webhook merchant:webhook merchant:webhook_message
        warehouse:orders warehouse:picker warehouse:press counter:counted counter:statement counter:statement_of
        counter:statement_file counter:till counter:count_till counter:receive counter:withdraw
        counter:refund counter:cash_back counter:paid_out
    """,
    RIDER: """
        rider:jobs rider:duty rider:job rider:claim rider:release rider:collect rider:hand_over cash:collected
        cash:mine cash:close cash:withdraw
    """,
    PROGRAM: """
        api:events api:webhooks api:webhook api:webhook-secret api:webhook-resend api:webhook-messages
        api:webhook-message-resend api:webhook-challenge api:webhook-pause api:webhook-resume
        api:orders api:order api:order-events api:order-cancel api:order-confirm api:order-reject api:order-start
        api:order-pick api:order-strike-out api:order-ready api:order-collected api:order-payments api:order-cash
        api:statement
        api:order-refunds
        api:jobs api:live-tickets api:order-claim api:order-release api:order-pick-up api:order-hand-over
    """,
}
TABLE = {name: who for who, names in WHO.items() for name in names.split()}


def addresses(resolver=None, prefix="", space=""):
    """Every (path, name) below the root; the admin is one door of its own (tests/project/test_admin*.py)."""
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            if entry.namespace != "admin":
                yield from addresses(entry, path, inner)
        elif isinstance(entry, URLPattern):
            yield path, space + (entry.name or path.partition("/")[0])


def test_every_address_says_who_may_open_it():
    assert {name for _path, name in addresses()} == set(TABLE)


@pytest.fixture
def facts(make_order, keyshop):
    order = make_order("CONFIRMED")
    pool = KeyPool.objects.get()
    return {
        "order_id": order.public_id, "shop_id": order.shop.public_id, "line_no": 1, "unit_no": 1, "place": 1,
        "product_id": order.lines.first().product.public_id, "pool_id": pool.public_id, "secret": "guess",
        "endpoint_id": "ep_0", "webhook_id": "ep_0", "message_id": "msg_0",
        "import_id": "imp_0", "verb": "start", "what": "open", "panel": "lines", "path": "../settings.py",
        "period": "2026-11", "restaurant_id": order.shop.public_id, "hand_in": "hnd_0",
        "refund_no": "rf_0",
    }  # fmt: skip


def filled(path, facts):
    for name, value in facts.items():
        for kind in ("", "str:", "int:", "path:"):
            path = path.replace(f"<{kind}{name}>", str(value))
    assert "<" not in path, path
    return f"/{path}"


CLOSED = {404, 405}  # not found is the same answer as not yours; 405 tells only which method an address knows


@pytest.mark.django_db
@pytest.mark.parametrize("name", [name for name, who in TABLE.items() if who in {CUSTOMER, SHOP, RIDER}])
@pytest.mark.parametrize("method", ["get", "post"])
def test_mallory_finds_nothing(cast, facts, name, method):
    client = Client()
    client.force_login(cast.mallory)
    (path,) = [path for path, known in addresses() if known == name]
    answer = getattr(client, method)(filled(path, facts))
    assert answer.status_code in CLOSED, answer.content[:300]


@pytest.mark.django_db
@pytest.mark.parametrize("name", [name for name, who in TABLE.items() if who in {CUSTOMER, SHOP, RIDER}])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_guest_is_asked_to_sign_in_or_finds_nothing(facts, name, method):
    (path,) = [path for path, known in addresses() if known == name]
    answer = getattr(Client(), method)(filled(path, facts))
    sent_to_sign_in = answer.status_code == 302 and answer["Location"].startswith("/account/signin")
    assert sent_to_sign_in or answer.status_code in CLOSED, (answer.status_code, answer.content[:300])


@pytest.mark.django_db
@pytest.mark.parametrize("name", [name for name, who in TABLE.items() if who == PROGRAM])
@pytest.mark.parametrize("method", ["get", "post"])
def test_no_program_gets_in_without_a_key(facts, name, method):
    (path,) = [path for path, known in addresses() if known == name]
    answer = getattr(Client(), method)(filled(path, facts))
    assert answer.status_code in {401, 405}
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_media_serves_no_file_outside_its_folder():
    for path in ("/media/../settings.py", "/media/%2e%2e/env", "/media//etc/passwd"):
        assert Client().get(path).status_code in {400, 404}
