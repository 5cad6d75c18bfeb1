"""Wiring: the one place that knows every app. No app imports it (config.ground excepted)."""
