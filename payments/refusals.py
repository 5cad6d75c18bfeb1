"""What a payment can be refused for, in the glossary's words; raised by the services, shown by every door."""

from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal


class PaymentClosed(Refusal):
    """The deadline has passed."""

    code = "payment_closed"
    status = 409
    message = _("The time to pay has run out and nothing was charged. Your cart is still here.")


class GatewayUnreachable(Refusal):
    """No payment could be opened there now."""

    code = "gateway_unreachable"
    status = 503
    message = _("We cannot reach {channel}. Nothing was charged. Try {other}, or wait: we retry in {n} s.")


class ChannelUnknown(Refusal):
    """No such channel, or not one to pay by here."""

    code = "channel_unknown"
    status = 422
    message = _("This order cannot be paid that way. Choose WeChat Pay or Alipay.")


class RefundTooMuch(Refusal):
    """More than what is left of the payment."""

    code = "refund_too_much"
    status = 422
    message = _("At most {amount} can still be returned.")


class NothingToReturn(Refusal):
    """No money of this order is with us."""

    code = "nothing_to_return"
    status = 409
    message = _("Nothing was paid for this order, so nothing can be returned.")


class CashAmountWrong(Refusal):
    """The rider typed another amount than is due."""

    code = "cash_amount_wrong"
    status = 422
    message = _("{amount} is due in cash. Count again, then write down exactly that.")


class ReceiptWrong(Refusal):
    """No number that can stand in the books."""

    code = "receipt_wrong"
    status = 422
    message = _("A receipt number has 6 to 32 letters, digits, _ or -.")
