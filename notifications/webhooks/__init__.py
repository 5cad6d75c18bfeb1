"""Delivery to programs: which hosts may be called for whom."""
