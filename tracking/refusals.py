"""What a rider can be refused for, in the glossary's words; raised by services.py."""

from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal


class OffDuty(Refusal):
    """Only riders on duty take jobs."""

    code = "off_duty"
    status = 409
    message = _("You are off duty. Go on duty first, then take the job.")


class WrongBag(Refusal):
    """The shop's code belongs to another order."""

    code = "code_wrong"
    status = 422
    message = _("{code} is not your order. Yours is {wanted}; ask for #{number}.")


class CodeWrong(Refusal):
    """Not the customer's door code."""

    code = "code_wrong"
    status = 422
    message = _("{code} is not the code of this order. {n} tries left.")


class TooManyTries(Refusal):
    """Too many wrong door codes; it rests a while."""

    code = "too_many"
    status = 429
    message = _("That was a little fast. Again in {n} s.")
