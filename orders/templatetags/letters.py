"""`{% push_switch %}`: the button that turns pushes on for this browser; two pages draw it."""

from typing import Any

from django import template
from django.conf import settings
from django.template import Context

from notifications.letters import subscriptions
from notifications.letters.vapid import public_key
from orders.account import push
from orders.people import User

register = template.Library()


@register.inclusion_tag("account/_push.html", takes_context=True)
def push_switch(context: Context) -> dict[str, Any]:
    """Nothing for a guest, and nothing where pushes are off."""
    user = context.get("user")
    if not settings.PUSH or not isinstance(user, User):
        return {}
    is_on = subscriptions.is_kept(user.public_id, push.browser_of(context["request"]))
    return {"is_shown": True, "is_on": is_on, "key": public_key(), "csrf_token": context.get("csrf_token")}
