"""What delivery to programs remembers; hosts.py reads it, admin and the seed write it."""

from typing import ClassVar

from django.db import models
from django.utils import timezone


class RegisteredHost(models.Model):
    """A host that an account may be notified at. `host` is lower case, with the port when it is not the scheme's."""

    account = models.CharField(max_length=40)
    host = models.CharField(max_length=260)
    registered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "host"], name="host_once_an_account"),
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.host}"
