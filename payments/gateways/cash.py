"""CASH: the rider is the gateway. Nothing is asked of anyone; the money becomes a fact when the rider collects it.

GATEWAYS hands it to the payment services, so that cash walks the same road (attempt, ledger, hand-in) and no code
asks "is it cash?". A refund of cash is paid out by people; its fact too comes from them.
"""

from collections.abc import Mapping
from datetime import date

from payments.gateways.base import (
    Bill,
    Channel,
    CloseAnswer,
    Create,
    Created,
    Definitive,
    Forged,
    Form,
    Misconfigured,
    Notification,
    RefundAsk,
    RefundSeen,
    Reply,
    Seen,
)


class Cash:
    """The gateway CASH."""

    channel: Channel = "CASH"
    forms: tuple[Form, ...] = ("door",)
    merchant_account = "cash"
    is_available = True

    def create(self, ask: Create) -> Created:
        """Accept the promise to pay at the door; there is nowhere to send the buyer."""
        if ask.form not in self.forms:
            message = f"cash has no form {ask.form!r}"
            raise Misconfigured(message)
        return Created()

    def invocation(self, prepay_id: str) -> dict[str, str]:
        """Refuse: no wallet opens for cash."""
        message = f"cash has nothing to open for {prepay_id}"
        raise Misconfigured(message)

    def query(self, out_trade_no: str) -> Seen:
        """Answer NOTPAY: nobody but the rider can know more, and the rider writes it down himself."""
        return Seen(out_trade_no=out_trade_no, state="NOTPAY", merchant_account=self.merchant_account)

    def close(self, out_trade_no: str) -> CloseAnswer:
        """Close at once: an uncollected promise binds no one."""
        del out_trade_no
        return "CLOSED"

    def refund(self, ask: RefundAsk) -> RefundSeen:
        """Leave the refund PROCESSING until a person has paid it out."""
        return RefundSeen(
            out_trade_no=ask.out_trade_no,
            out_refund_no=ask.out_refund_no,
            state="PROCESSING",
            amount_minor=ask.amount_minor,
            currency=ask.currency,
            merchant_account=self.merchant_account,
        )

    def query_refund(self, out_trade_no: str, out_refund_no: str) -> RefundSeen:
        """Answer PROCESSING: the person who pays it out records the end."""
        return RefundSeen(
            out_trade_no=out_trade_no,
            out_refund_no=out_refund_no,
            state="PROCESSING",
            merchant_account=self.merchant_account,
        )

    def fetch_bill(self, day: date) -> Bill:
        """Refuse: cash is counted at hand-in, no gateway sends a bill for it."""
        raise Definitive("NO_BILL", f"there is no bill for the cash of {day}")

    def parse_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Refuse: whoever notifies us about cash is not a gateway."""
        del headers, body
        raise Forged("kind", "cash does not notify")

    def acknowledge(self, *, ok: bool) -> Reply:
        """Answer as to any stranger."""
        return Reply(204 if ok else 401, "text/plain", b"")
