"""Template tags of orders; templates say `{% load statistics %}` or `{% load letters %}`."""
