"""Who uses Lockstep: the user, shop staff, integrators' API keys."""

import hashlib
from functools import lru_cache

from django.contrib.auth.models import AbstractUser
from django.db import models

from config.ground import clock, ids, vault

PHONE_DIGITS = 11  # a mainland mobile number


def new_user_id() -> str:
    """A fresh `usr_…`."""
    return ids.new_id("usr")


def new_api_key_id() -> str:
    """A fresh `key_…`."""
    return ids.new_id("key")


def phone_index(phone: str) -> bytes:
    """The blind index by which a phone number is found without being stored in clear."""
    return vault.fingerprint(digits_of(phone), "phone")


def digits_of(phone: str) -> str:
    """The digits of a phone number as typed; a leading +86 or 0086 is dropped."""
    digits = "".join(letter for letter in phone if letter.isdigit())
    for prefix in ("0086", "86"):
        if digits.startswith(prefix) and len(digits) == PHONE_DIGITS + len(prefix):
            return digits[len(prefix) :]
    return digits


class User(AbstractUser):
    """A person: customer, shop staff, rider or support; what they may do follows from rows, not a role column.

    `email` is an address that was confirmed from its own mailbox; `email_asked` waits for that, and nothing but the
    confirmation goes there (orders/letters/address.py). `version` counts the events of the stream `account/usr_…`.
    """

    public_id = models.CharField(max_length=24, unique=True, default=new_user_id, editable=False)
    phone_sealed = models.BinaryField(default=b"", blank=True)
    phone_index = models.BinaryField(max_length=32, null=True, blank=True, unique=True)
    language = models.CharField(max_length=10, default="en")
    email_asked = models.EmailField(blank=True, default="")
    version = models.PositiveIntegerField(default=0)

    @property
    def stream(self) -> str:
        """The stream of its events."""
        return f"account/{self.public_id}"

    @property
    def name(self) -> str:
        """What others call this person."""
        return self.first_name or self.username

    @property
    def phone(self) -> str:
        """The phone number in clear, or an empty text."""
        if not self.phone_sealed:
            return ""
        return vault.unseal(self.phone_sealed, f"user|phone|{self.public_id}").decode()

    def set_phone(self, phone: str) -> None:
        """Seal and index a phone number; the caller saves."""
        digits = digits_of(phone)
        self.phone_sealed = vault.seal(digits, f"user|phone|{self.public_id}")
        self.phone_index = phone_index(digits)


@lru_cache(maxsize=20_000)
def public_id_of(pk: int) -> str:
    """The public id of an account. It never changes, and every change of an order names those who hear of it."""
    return User.objects.values_list("public_id", flat=True).get(pk=pk)


class ShopStaff(models.Model):
    """A person works at a shop and sees that shop only."""

    class Role(models.TextChoices):
        OWNER = "OWNER", "Owner"
        STAFF = "STAFF", "Staff"

    shop = models.ForeignKey("orders.Shop", on_delete=models.CASCADE, related_name="staff")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="workplaces")
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.STAFF)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["shop", "user"], name="works_once_per_shop")]

    def __str__(self) -> str:
        return str(self.user)


def hash_key(secret: str) -> str:
    """How an API key is stored: SHA-256; the secret has 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiKey(models.Model):
    """An integrator's key, stored as a hash; shown once."""

    public_id = models.CharField(max_length=24, unique=True, default=new_api_key_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    label = models.CharField(max_length=80)
    secret_hash = models.CharField(max_length=64, unique=True)
    last_four = models.CharField(max_length=4)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    last_used_on = models.DateField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.public_id

    @classmethod
    def issue(cls, user: User, label: str) -> tuple["ApiKey", str]:
        """Make a key; returns it and the secret, which is never shown again."""
        secret = f"lk_{ids.new_secret()}"
        key = cls.objects.create(user=user, label=label, secret_hash=hash_key(secret), last_four=secret[-4:])
        return key, secret
