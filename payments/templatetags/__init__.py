"""Template tags of payments; templates say `{% load payments %}`."""
