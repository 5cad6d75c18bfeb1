"""REST API v1: what a program may ask, by the public contract."""
