"""The servers that the live bench measures beside ours, and the lock files of what they need."""
