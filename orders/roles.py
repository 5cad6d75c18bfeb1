"""The two roles of support, asked by every admin page; their permissions are the table in config/desk/roles.py."""

from typing import Any

SUPPORT = "Support"
LEAD = "Support lead"


def role_of(user: Any) -> str:
    """The person's role as the name of a group; empty for staff without one. A superuser leads."""
    if getattr(user, "is_superuser", False):
        return LEAD
    names = set(user.groups.filter(name__in=(SUPPORT, LEAD)).values_list("name", flat=True))
    return LEAD if LEAD in names else SUPPORT if SUPPORT in names else ""
