"""People: users, and integrators' API keys, whose secret is shown once. Phone numbers stay masked."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from config.ground import clock
from orders.admin.readonly import ReadOnlyAdmin
from orders.models import ApiKey, ShopStaff, User
from orders.people import PHONE_DIGITS, digits_of, phone_index


class ByRole(admin.RelatedFieldListFilter):
    """The roles in words: the database keeps their names in English."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        """Each group."""
        return [(key, gettext(str(name))) for key, name in super().field_choices(field, request, model_admin)]


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    """One person. Only a superuser makes superusers or hands out groups."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["public_id", "username", "first_name", "masked_phone", "is_staff", "is_active", "last_login"]
    list_filter = ["is_staff", "is_active", ("groups", ByRole)]
    search_fields = ["public_id", "username", "first_name"]
    search_help_text = _("User id, name or phone number")
    readonly_fields = ["public_id", "masked_phone", "last_login", "date_joined"]
    filter_horizontal = ()
    actions = None
    fieldsets = (
        (None, {"fields": ["public_id", "username", "first_name", "masked_phone", "language", "password"]}),
        (_("Rights"), {"fields": ["is_active", "is_staff", "is_superuser", "groups"]}),
        (_("Times"), {"fields": ["last_login", "date_joined"]}),
    )
    add_fieldsets = ((None, {"fields": ["username", "first_name", "password1", "password2"]}),)
    for_superusers = ("is_staff", "is_superuser", "groups")

    @admin.display(description=_("phone"))
    def masked_phone(self, user: User) -> str:
        """Its ends only."""
        phone = user.phone
        return f"{phone[:3]} **** {phone[-4:]}" if phone else "–"

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """With each role in words."""
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        field.label_from_instance = lambda group: gettext(group.name)
        return field

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Rights are handed out by superusers only."""
        fixed = [*super().get_readonly_fields(request, obj)]
        return fixed if request.user.is_superuser else [*fixed, *self.for_superusers]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody takes over a colleague of more rights."""
        if obj is not None and (obj.is_staff or obj.is_superuser) and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never: their orders are kept. Make the account inactive instead."""
        return False

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By id and name, and by the blind index of a phone number."""
        digits = digits_of(search_term)
        if len(digits) == PHONE_DIGITS:
            return queryset.filter(phone_index=phone_index(digits)), False
        return super().get_search_results(request, queryset, search_term)


@admin.register(ShopStaff)
class ShopStaffAdmin(ModelAdmin):
    """Who works where."""

    list_display = ["user", "shop", "role"]
    search_fields = ["user__username", "shop__name_en"]
    autocomplete_fields = ["user", "shop"]
    list_select_related = ["user", "shop"]
    actions = None


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """An integrator's key. Issuing shows the secret once; revoking is for ever."""

    list_display = ["public_id", "label", "user", "ends_in", "created_at", "last_used_on", "revoked_at"]
    search_fields = ["public_id", "label", "user__username"]
    autocomplete_fields = ["user"]
    list_select_related = ["user"]
    actions = ["revoke"]

    @admin.display(description=_("ends in"))
    def ends_in(self, key: ApiKey) -> str:
        """So that its owner knows which one it is."""
        return f"…{key.last_four}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Issue."""
        return bool(request.user.has_perm("orders.add_apikey"))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A new key wants an owner and a label; its hash is nobody's business."""
        del request
        if obj is None:
            return ["user", "label"]
        return ["public_id", "user", "label", "ends_in", "created_at", "last_used_on", "revoked_at"]

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001 - Django's signature
        """Issue it and show the secret this once."""
        issued, secret = ApiKey.issue(obj.user, obj.label)
        obj.pk, obj.public_id = issued.pk, issued.public_id
        messages.warning(request, _("The secret, shown only now: %(secret)s") % {"secret": secret})

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whoever may issue may revoke."""
        return bool(request.user.has_perm("orders.change_apikey"))

    @admin.action(description=_("Revoke"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        """From now on these keys open nothing."""
        count = queryset.filter(revoked_at=None).update(revoked_at=clock.now())
        messages.success(request, _("%(n)s revoked.") % {"n": count})
