"""The queue of differences: what stands in it, who may end what, that each decision has a name and a sentence."""

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from config.desk import roles
from orders.models import StaffAction, User
from orders.roles import LEAD, SUPPORT
from payments import aside, differences, settle
from payments.admin import pages
from payments.differences import Found
from payments.gateways.base import Seen
from payments.models import Attempt, Difference, DifferenceStep, Run
from payments.services import decide
from tests.payments.conftest import until
from tests.payments.paying import fresh, start
from tests.payments.test_clock import make_due

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "admin:payments_difference_changelist"
WORDS = "the notice got lost in the outage"


@pytest.fixture
def sam(cast):
    roles.ensure()
    cast.sam.groups.add(Group.objects.get(name=SUPPORT))
    client = Client()
    client.force_login(cast.sam, backend="orders.signin.PhoneOrNameBackend")
    return client


@pytest.fixture
def silent(simulator, door):
    simulator.faults(lost=1)
    return simulator


def report(**changes):
    wanted = {"kind": Difference.Kind.AMOUNT, "subject": "WECHAT:trade-000001", "channel": "WECHAT", "ours_minor": 4200,
              "theirs_minor": 4000}  # fmt: skip
    return differences.report(Found(**(wanted | changes)))


def report_missed(attempt):
    """Money that the bill has and we have not."""
    facts, subject = {"attempt": attempt.public_id}, f"WECHAT:{attempt.out_trade_no}"
    return report(kind=Difference.Kind.GATEWAY_ONLY, subject=subject, ours_minor=None, facts=facts)


def press(client, found, does, reason=WORDS):
    return client.post(
        reverse("admin:payments_difference_press", args=[found.public_id, does]), {"reason": reason}, follow=True
    )


def test_shows_both_sides_and_one_proposed_step(sam):
    found = report()
    text = sam.get(reverse(LIST)).text
    for words in ("Amount differs", "AMOUNT", "¥40.00", "¥42.00", "differ by ¥2.00", "Decided by hand", "1 to decide"):
        assert words in text, words
    assert sam.get(reverse("admin:payments_difference_change", args=[found.public_id])).status_code == 302


def test_says_when_nothing_differs(sam):
    text = sam.get(reverse(LIST)).text
    assert "Nothing differs." in text
    for tab in ("waiting", "repaired", "decided", "aside", "nonsense"):
        assert sam.get(reverse(LIST), {"tab": tab}).status_code == 200


@pytest.mark.parametrize(("does", "state"), [("resolve", "MANUAL"), ("ignore", "IGNORED"), ("wait", "WAIT_NEXT_DAY")])
def test_a_decision_has_a_name_and_a_sentence(does, state, sam, cast):
    found = report()
    assert press(sam, found, does, "no").status_code == 422
    assert fresh(found).state == "OPEN"
    assert press(sam, found, does).status_code == 200
    assert (fresh(found).state, fresh(found).remark, fresh(found).decided_by) == (state, WORDS, cast.sam)
    action = StaffAction.objects.get()
    assert (action.user, action.reason, action.role) == (cast.sam, WORDS, SUPPORT)
    assert list(DifferenceStep.objects.values_list("did", "user"))[1][1] == cast.sam.pk


def test_what_is_decided_is_not_decided_again(sam):
    found = report()
    press(sam, found, "ignore")
    answer = press(sam, found, "resolve")
    assert answer.status_code == 409
    assert fresh(found).state == "IGNORED"
    assert StaffAction.objects.count() == 1


def test_somebody_takes_charge_and_everybody_sees_who(sam, cast):
    found = report()
    press(sam, found, "take")
    press(sam, found, "take")
    assert fresh(found).in_charge == cast.sam
    assert f"In charge: {cast.sam.name}" in sam.get(reverse(LIST)).text
    assert DifferenceStep.objects.filter(did="taken").count() == 1


def test_another_role_reads_and_does_not_decide(sam, cast):
    found = report()
    Group.objects.get(name=SUPPORT).permissions.remove(
        *Group.objects.get(name=SUPPORT).permissions.filter(codename="decide_difference")
    )
    assert "not decide them" in sam.get(reverse(LIST)).text
    assert press(sam, found, "ignore").status_code == 403
    assert press(sam, found, "take").status_code == 403
    assert (fresh(found).state, fresh(found).in_charge) == ("OPEN", None)
    assert StaffAction.objects.filter(outcome="DENIED").count() == 2


def test_nobody_else_finds_the_queue(cast, sam):
    found = report()
    client = Client()
    client.force_login(cast.mallory, backend="orders.signin.PhoneOrNameBackend")
    assert client.get(reverse(LIST)).status_code == 404
    assert press(client, found, "ignore").status_code == 404
    assert fresh(found).state == "OPEN"


def test_recording_what_the_gateway_has_ends_the_difference_by_the_usual_rule(silent, sam, make_order):
    order = make_order(paid=False)
    attempt = start(order)
    silent.pay(attempt.out_trade_no)
    until(lambda: silent.fired("lost"))
    make_due(order)
    silent.faults(error_before={"rate": 1, "on": "close"}, lost=1)
    settle.orders.cancel_order(order.public_id, reason="CUSTOMER", actor=settle.SYSTEM)
    silent.faults(lost=1)
    found = report_missed(attempt)
    assert "Record and refund ¥40.00" in sam.get(reverse(LIST)).text
    assert press(sam, found, "resolve").status_code == 200
    assert (fresh(attempt).disposition, fresh(found).state) == ("LATE", "MANUAL")
    assert attempt.refunds.count() == 1


def test_a_step_that_does_not_help_ends_nothing(silent, sam, make_order):
    attempt = start(make_order(paid=False))
    found = report_missed(attempt)
    answer = press(sam, found, "resolve")
    assert answer.status_code == 409
    assert "That does not explain it" in answer.text
    assert WORDS in answer.text, "what was typed is kept"
    assert fresh(found).state == "OPEN"


def test_an_orphan_is_on_the_list(silent, sam):
    paid = {"state": "SUCCESS", "gateway_txn_no": "42", "amount_minor": 100, "merchant_account": "x"}
    seen = Seen(out_trade_no="nobody-000001", **paid)
    for _ in range(3):
        assert settle.record_fact("WECHAT", seen) is None
    found = Difference.objects.get()
    assert (found.kind, found.state, found.theirs_minor) == ("GATEWAY_ONLY", "OPEN", 100)
    assert "No payment of ours has this number" in sam.get(reverse(LIST)).text


def test_what_was_set_aside_is_tried_again_with_a_reason(silent, sam, make_order, cast):
    order = make_order(paid=False)
    attempt = start(order)
    silent.pay(attempt.out_trade_no)
    settle.record_fact("WECHAT", settle.refunds.pushing.GATEWAYS["WECHAT"].query(attempt.out_trade_no))
    for tries in range(aside.TRIES):
        aside.money_failed(attempt.pk, tries, RuntimeError("no such shelf"))
    listed = sam.get(reverse(LIST), {"tab": "aside"}).text
    assert "RuntimeError: no such shelf" in listed
    address = reverse("admin:payments_difference_again", args=["money", attempt.public_id])
    assert sam.post(address, {"reason": "why"}).status_code == 422
    assert fresh(attempt).set_aside_at is not None
    assert sam.post(address, {"reason": "the shelf was repaired"}).status_code == 302
    assert (fresh(attempt).disposition, fresh(attempt).set_aside_at) == ("APPLIED", None)
    assert fresh(order).payment_status == "PAID"
    assert StaffAction.objects.get(does="money.try_again").reason == "the shelf was repaired"
    assert sam.post(address, {"reason": "once more for luck"}).status_code == 409


def test_the_list_leaves_as_a_table_without_formulas(sam):
    report(subject="=cmd|' /C calc'!A0", theirs_minor=-500)
    report(subject="＝1+1")
    answer = sam.get(reverse(LIST), {"format": "csv"})
    text = b"".join(answer.streaming_content).decode()
    assert text.splitlines()[0].startswith("public_id,kind,state")
    assert "'=cmd" in text
    assert "'＝1+1" in text
    assert ",-500," in text, "an amount stays a figure"


def test_a_check_is_read_as_a_table(sam):
    told = {"looked_at": 7, "repaired": 3, "set_aside": 1, "left": 2, "seconds": 0.25}
    run = Run.objects.create(found={"apply": told, "ask": dict.fromkeys(told, 0)})
    text = sam.get(reverse("admin:payments_run_change", args=[run.pk])).text
    for words in ("Paid, not applied", "Asked gateways", ">7<", ">3<", ">0<", "0.25 s"):
        assert words in text, words
    assert sam.get(reverse("admin:payments_run_changelist")).status_code == 200
    assert sam.get(reverse("admin:payments_bill_changelist")).status_code == 200


def test_steps_are_kept_for_ever(sam):
    report()
    with pytest.raises(Exception, match="Cannot update or delete"):
        DifferenceStep.objects.all().delete()


def test_reads_the_queue_in_few_queries(sam, django_assert_max_num_queries):
    for n in range(30):
        report(subject=f"ledger-{n}", channel="")
    with django_assert_max_num_queries(90):
        sam.get(reverse(LIST))


def test_lead_is_a_role_that_decides(cast):
    roles.ensure()
    lena = User.objects.create(username="lena", is_staff=True)
    lena.groups.add(Group.objects.get(name=LEAD))
    assert lena.has_perm("payments.decide_difference")
    found = report()
    decide.ignore(found.public_id, remark=WORDS, user=lena, role=LEAD)
    assert Attempt.objects.count() == 0


def test_two_hundred_and_fifty_come_page_by_page_under_their_filter(sam):
    """Nothing is left out, the filter stays, and a decision comes back to the page it was made on."""
    kinds = [Difference.Kind.AMOUNT, Difference.Kind.GATEWAY_ONLY]
    Difference.objects.bulk_create(
        Difference(kind=kinds[n % 5 == 0], subject=f"WECHAT:trade-{n}", channel="WECHAT", ours_minor=1, theirs_minor=2)
        for n in range(250)
    )
    seen = [row.subject for number in (1, 2, 3) for row, *_ in sam.get(reverse(LIST), {"page": number}).context["rows"]]
    assert seen == [f"WECHAT:trade-{n}" for n in range(250)]
    wish = {"kind": "AMOUNT", "page": "2"}
    second = sam.get(reverse(LIST), wish)
    amounts = [f"WECHAT:trade-{n}" for n in range(250) if n % 5]
    assert [row.subject for row, *_ in second.context["rows"]] == amounts[100:]
    assert "kind=AMOUNT&amp;page=1" in second.text
    chosen = second.context["rows"][3][0]
    assert sam.get(reverse(LIST), {"kind": "AMOUNT", "at": chosen.public_id}).context["page"].number == 2
    address = reverse("admin:payments_difference_press", args=[chosen.public_id, "ignore"])
    refused = sam.post(address, wish | {"reason": "no"})
    assert (refused.status_code, refused.context["page"].number, refused.context["kind"]) == (422, 2, "AMOUNT")
    decided = sam.post(address, wish | {"reason": WORDS})
    assert decided.headers["Location"] == f"{reverse(LIST)}?tab=open&kind=AMOUNT&page=2"
    for strange in ("0", "-1", "x", "999999999999999999999"):
        assert sam.get(reverse(LIST), {"page": strange}).status_code == 200


def test_what_was_set_aside_comes_page_by_page_too(silent, sam, make_order, cast, monkeypatch):
    monkeypatch.setattr(pages, "A_PAGE", 2)
    for n in range(3):
        Attempt.objects.create(
            order=make_order("PENDING", paid=False), seq=1, channel="WECHAT", merchant_account="m", amount_minor=1,
            out_trade_no=f"{n}" * 20, gateway_expires_at="2026-11-21T00:00Z", state="SUCCESS", paid_minor=1,
            paid_at="2026-11-20T00:00Z", gateway_txn_no=f"x{n}", set_aside_at="2026-11-20T00:00Z", set_aside_why="x",
        )  # fmt: skip
    seen = [
        row["shown"]
        for number in (1, 2)
        for row in sam.get(reverse(LIST), {"tab": "aside", "page": number}).context["aside"]
    ]
    assert sorted(seen) == [f"{n}" * 20 for n in range(3)]
