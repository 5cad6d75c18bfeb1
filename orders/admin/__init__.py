"""What support sees and does with what orders remembers. The order page itself is joined in config/admin.py."""

from orders.admin import catalog, hands, keys, letters, people, readers, rights, webhooks

__all__ = ["catalog", "hands", "keys", "letters", "people", "readers", "rights", "webhooks"]
