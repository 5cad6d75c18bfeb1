"""What a payment can be refused for, in the glossary's words; raised by the services, shown by every door."""

from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal


class PaymentClosed(Refusal):
    """The deadline has passed."""

    code = "payment_closed"
    status = 409
    message = _("The time to pay has run out and nothing was charged. Your cart is still here.")


class PayerUnknown(Refusal):
    """A mini-program pays as somebody; nothing else does."""

    code = "payer_unknown"
    status = 422
    message = _("Paying inside WeChat needs the payer’s openid, and only that way of paying takes one.")


class PaymentArrived(Refusal):
    """Money for this order is recorded and about to be applied."""

    code = "payment_arrived"
    status = 409
    message = _("Your payment has arrived and is being written down. Do not pay again.")


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
    message = _("No money of this order is left to return.")


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


class AmountWrong(Refusal):
    """No amount that can be returned."""

    code = "amount_wrong"
    status = 422
    message = _("Write an amount such as 12.50. At most {amount} can still be returned.")


class CurrencyWrong(Refusal):
    """Not the currency in which it was paid."""

    code = "currency_wrong"
    status = 422
    message = _("It was paid in {currency}, so it goes back in {currency}. At most {amount} can still be returned.")


class TooLateToRefund(Refusal):
    """The shop's own time to return money of an ended order is over."""

    code = "too_late_to_refund"
    status = 409
    message = _("A shop can return money until {n} days after the end. Ask our support, they still can.")


class LeftMoved(Refusal):
    """Somebody else returned some of it while this person was deciding."""

    code = "left_moved"
    status = 409
    message = _("Some of it went back a moment ago. At most {amount} is left now: look again and decide.")


class NotYetAccepted(Refusal):
    """The shop has not answered the order yet: rejecting it returns everything."""

    code = "not_yet_accepted"
    status = 409
    message = _("You have not accepted this order. Reject it, and everything goes back by itself.")


class NoSuchRefund(Refusal):
    """There is none, or it is another shop's."""

    code = "not_found"
    status = 404
    message = _("We cannot find this refund. Look at its order again.")


class AlreadyReturned(Refusal):
    """It went back a moment ago, perhaps by another hand."""

    code = "already_returned"
    status = 409
    message = _("{amount} went back at {time} already. Do not give it back a second time.")


class ReferenceUsed(Refusal):
    """One transfer, or one receipt of a shop, ends one refund: else money that never went would count as sent."""

    code = "reference_used"
    status = 409
    message = _("{reference} stands for another refund already. Each refund has a number of its own.")


class NotByHand(Refusal):
    """The gateway is still at it."""

    code = "not_by_hand"
    status = 409
    message = _("The gateway is returning this one by itself. Giving it back by hand would return it twice.")


class ProposalOpen(Refusal):
    """One at a time."""

    code = "proposal_open"
    status = 409
    message = _("A refund of {amount} for this order waits for a second person. Decide that one first.")


class ProposalOver(Refusal):
    """Decided or expired meanwhile."""

    code = "proposal_over"
    status = 409
    message = _("This proposal is not open any more: {state}.")


class SecondPersonNeeded(Refusal):
    """Nobody approves what they proposed."""

    code = "second_person_needed"
    status = 403
    message = _("You proposed this refund, so somebody else has to decide about it.")
