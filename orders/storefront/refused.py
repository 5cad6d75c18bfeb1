"""A refused checkout: which sentence belongs to which field, so that the banner can lead there."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.ground.problems import Refusal
from orders.storefront.basket import Basket
from orders.storefront.forms import CheckoutForm

FIELDS = {
    "address.line": "line",
    "address.name": "name",
    "address.phone": "phone",
    "address": "line",
    "paymentMethod": "method",
}


class CartChanged(Refusal):
    """Something was put in or taken out in another window."""

    code = "cart_changed"
    status = 409
    message = gettext_lazy("Your cart changed on another page. Look at it and place the order again.")


class CartEmpty(Refusal):
    """Everything in it is sold out, or it was ordered already."""

    code = "cart_empty"
    status = 409
    message = gettext_lazy("There is nothing in your cart that can be ordered.")


def check_cart(form: CheckoutForm, cart: Basket) -> None:
    """The cart is still the one that the form was shown with. Raises CartChanged, CartEmpty."""
    if not cart.ordered:
        raise CartEmpty
    if form.cleaned_data["digest"] != cart.digest:
        raise CartChanged


def explain(form: CheckoutForm, refusal: Refusal, cart: Basket) -> None:
    """Put the refusal's sentence beside its field, or above all of them."""
    name = FIELDS.get(refusal.field or "")
    if name == "line" and form.uses_kept:
        name = None  # the fields of another address are folded away
    form.add_error(name, refusal.detail)
    for line in cart.lines:
        if line.problem == "short":
            words = _("Only %(left)s of %(item)s are left; lower the quantity in the cart.")
            form.add_error(None, words % {"left": line.good.left, "item": line.product.name})
