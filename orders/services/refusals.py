"""What an order can be refused for, in the glossary's words; raised by the services, shown by every door."""

from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal


class ShopUnknown(Refusal):
    """No such shop, or not listed."""

    code = "shop_unknown"
    status = 422
    message = _("There is no such shop. Look it up again in the list of shops.")


class OwnerOnly(Refusal):
    """Staff of the shop, but it is for its owners to decide."""

    code = "owner_only"
    status = 403
    message = _("Only an owner of the shop can change this. You can look at everything.")


class ProductUnknown(Refusal):
    """Not a product of this shop."""

    code = "product_unknown"
    status = 422
    message = _("This shop does not sell {product}. Look at its menu and choose again.")


class OptionUnknown(Refusal):
    """Not an option of this product."""

    code = "option_unknown"
    status = 422
    message = _("{option} is no option of this product. Look at its menu and choose again.")


class OptionRequired(Refusal):
    """A group wants a choice, or fewer of them."""

    code = "option_required"
    status = 422
    message = _("Choose {group}.")


class OutOfStock(Refusal):
    """Sold out, now or a moment ago."""

    code = "out_of_stock"
    status = 409
    message = _("{item} sold out at {time} and left your cart. Nothing is charged for it.")


class PriceChanged(Refusal):
    """The total is not the one that the customer saw."""

    code = "price_changed"
    status = 409
    message = _("{item} is now {new} (was {old}). Look at the new total and place the order again.")


class ShopClosed(Refusal):
    """Switch off, paused, or outside its hours."""

    code = "shop_closed"
    status = 409
    message = _("{shop} has just closed. Your cart is kept; it opens {time}.")


class NotDeliverable(Refusal):
    """Too far from the shop."""

    code = "not_deliverable"
    status = 422
    message = _("{shop} does not deliver to this address.")


class CashRefused(Refusal):
    """Card keys for cash."""

    code = "cash_refused"
    status = 422
    message = _("Card keys cannot be paid in cash. Choose WeChat Pay or Alipay.")


class BelowMinimum(Refusal):
    """Less than the shop sends out."""

    code = "below_minimum"
    status = 422
    message = _("{shop} takes orders from {minimum}. Add something.")


class Required(Refusal):
    """A field is empty."""

    code = "required"
    status = 422
    message = _("Please fill this in.")


class ReasonRequired(Refusal):
    """A manual change wants one sentence."""

    code = "reason_required"
    status = 422
    message = _("One sentence is needed, 10 characters or more.")


class AlreadyAccepted(Refusal):
    """Somebody else at the shop was faster."""

    code = "already_accepted"
    status = 409
    message = _("{name} accepted it {n} s ago with {m} min. Nothing to do.")


class AlreadyClaimed(Refusal):
    """Another rider was faster."""

    code = "already_claimed"
    status = 409
    message = _("Another rider took this job {n} s earlier. Here are the next ones.")


class LinesOpen(Refusal):
    """Not everything is picked yet."""

    code = "lines_open"
    status = 409
    message = _("{n} items are not picked, swapped or struck out yet.")


class TooLateToCancel(Refusal):
    """The kitchen has begun; only the shop or support can cancel now."""

    code = "too_late_to_cancel"
    status = 409
    message = _("The shop has already started. Ask the shop or our support; we see this same page.")


class NotYourJob(Refusal):
    """This rider has not claimed this order."""

    code = "not_your_job"
    status = 409
    message = _("This job is not yours. Take it first, or look at the next ones.")


class NotYetDue(Refusal):
    """The deadline has not come."""

    code = "not_yet_due"
    status = 409
    message = _("There is still time to pay. Nothing was changed.")


class CashStillDue(Refusal):
    """Handed over only against cash."""

    code = "cash_due"
    status = 409
    message = _("Collect {amount} in cash first, then hand over.")


class KeysShort(Refusal):
    """Paid, but the keys that were held are gone."""

    code = "keys_short"
    status = 409
    message = _("The last keys were sold a moment earlier. All of the money goes back.")


class LineUnknown(Refusal):
    """The order has no such line."""

    code = "line_unknown"
    status = 422
    message = _("This order has no line {n}.")


class QuantityWrong(Refusal):
    """More than the line still has, or nothing."""

    code = "quantity_wrong"
    status = 422
    message = _("Between 1 and {most} can be struck out of this line.")
