"""What must not be so in production; `manage.py check --deploy` runs it, notifications/apps.py registers it."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register


@register(Tags.security, deploy=True)
def no_private_push_services(**_options: Any) -> list[Error]:
    """A browser's push address may not lead into the network that this runs in."""
    if not settings.PUSH_PRIVATE_HOSTS:
        return []
    named = ", ".join(settings.PUSH_PRIVATE_HOSTS)
    hint = "Unset LOCKSTEP_PUSH_PRIVATE_HOSTS."
    return [Error(f"Pushes may go to private hosts: {named}.", hint=hint, id="notifications.E002")]


@register(Tags.security, deploy=True)
def no_numbers_in_clear(**_options: Any) -> list[Error]:
    """Phone numbers and words do not travel unencrypted, not even to our own gateway."""
    if not settings.SMS_URL or settings.SMS_URL.startswith("https://"):
        return []
    return [Error("The SMS gateway is not spoken to by https.", hint="See LOCKSTEP_SMS_URL.", id="notifications.E003")]


@register(Tags.security, deploy=True)
def no_private_hosts(**_options: Any) -> list[Error]:
    """Nobody's webhook may lead into the network that this runs in."""
    if not settings.WEBHOOK_PRIVATE_HOSTS:
        return []
    named = ", ".join(settings.WEBHOOK_PRIVATE_HOSTS)
    hint = "Unset LOCKSTEP_WEBHOOK_PRIVATE_HOSTS."
    return [Error(f"Webhooks may call private hosts: {named}.", hint=hint, id="notifications.E001")]
