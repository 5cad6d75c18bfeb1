"""Tags and filters of tracking."""
