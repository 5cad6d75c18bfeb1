"""Template tags of orders; templates say `{% load statistics %}`."""
