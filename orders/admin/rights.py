"""Groups and second factors: Django's and django-otp's own pages, in the reader's language."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group, Permission
from django.http import HttpRequest
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.admin import TOTPDeviceAdmin
from django_otp.plugins.otp_totp.models import TOTPDevice

VERBS = {
    "add": _("Can add %(name)s"),
    "change": _("Can change %(name)s"),
    "delete": _("Can delete %(name)s"),
    "view": _("Can view %(name)s"),
}
admin.site.unregister([Group, TOTPDevice])  # both registered themselves when they were imported


def permission_in_words(permission: Permission) -> str:
    """`Orders | shop | Can add shop`; the database keeps the name in English."""
    kind = permission.content_type
    verb, _sep, name = permission.codename.partition("_")
    if verb in VERBS and name == kind.model:
        return f"{kind} | {VERBS[verb] % {'name': kind.name}}"
    return f"{kind} | {pgettext('desk', permission.name)}"


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin):
    """A role and what it may do; the two of support are written by `manage.py staff_roles`."""

    list_display = ("in_words",)

    @admin.display(description=Group._meta.verbose_name, ordering="name")  # noqa: SLF001 - public by practice
    def in_words(self, group: Group) -> str:
        """Support's two roles are known words; others are called what they were called."""
        return gettext(group.name)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any) -> Any:
        """With each permission in words."""
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        field.label_from_instance = permission_in_words
        return field


@admin.register(TOTPDevice)
class SecondFactorAdmin(TOTPDeviceAdmin):
    """Somebody's authenticator, for a lead to take away when its phone is lost."""

    search_help_text = _("Search by user's username or email address")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[tuple[str | None, dict[str, Any]]]:
        """Its headings are plain English there."""
        found = super().get_fieldsets(request, obj)
        return [(title and pgettext("desk", title), facts) for title, facts in found]
