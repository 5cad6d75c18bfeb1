"""What counting cash can be refused for; raised by services/cash.py and services/hand_in.py, shown by every door."""

from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal


class NotAnAmount(Refusal):
    """Three decimals, a sign, letters, another currency's sign."""

    code = "not_an_amount"
    status = 422
    message = _("Write the amount in yuan with at most two decimals, such as 84.00.")


class OtherCurrency(Refusal):
    """Cash of another currency."""

    code = "other_currency"
    status = 422
    message = _("{amount} is due in {currency}. Cash of another currency cannot be taken.")


class ReceiptUsed(Refusal):
    """Another order has it."""

    code = "receipt_used"
    status = 422
    message = _("Receipt {receipt} belongs to another order. Look at the number on the paper again.")


class NothingInHand(Refusal):
    """The books say that there is no cash to hand in."""

    code = "nothing_in_hand"
    status = 409
    message = _("There is no cash to hand in now.")


class CashMoved(Refusal):
    """Cash came or went since the page was opened."""

    code = "cash_moved"
    status = 409
    message = _("The books moved: it is {amount} now. Look at the list, count again and write down what you have.")


class CountAbsurd(Refusal):
    """More than anybody could have by mistake."""

    code = "count_absurd"
    status = 422
    message = _("{counted} is far more than the {amount} in the books. Count again; was a digit typed twice?")


class HandInWaits(Refusal):
    """One hand-in at a time."""

    code = "hand_in_waits"
    status = 409
    message = _("The {amount} you counted at {time} still waits to be received. Take that back first, or wait for it.")


class NoSuchPlace(Refusal):
    """Not a place that takes this cash."""

    code = "no_such_place"
    status = 422
    message = _("Choose where you hand it in.")


class NoSuchHandIn(Refusal):
    """There is none, or it is somebody else's."""

    code = "not_found"
    status = 404
    message = _("We cannot find this hand-in. Look at the list again.")


class HandInOver(Refusal):
    """Received or taken back meanwhile."""

    code = "hand_in_over"
    status = 409
    message = _("Not done: this hand-in is no longer open. {how}")


class OwnCash(Refusal):
    """Two people count."""

    code = "own_cash"
    status = 403
    message = _("Somebody else has to count the cash that you hand in.")


class DifferenceSaysWhy(Refusal):
    """A difference needs a sentence."""

    code = "difference_says_why"
    status = 422
    message = _("{amount} differs from the books. Write down in a few words what you found.")
