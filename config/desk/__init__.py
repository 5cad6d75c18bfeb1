"""Support's desk: the admin site, its sections, its first page, and what it joins from payments and tracking."""
