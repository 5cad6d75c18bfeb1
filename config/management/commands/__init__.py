"""Commands that need to know more than one app."""
