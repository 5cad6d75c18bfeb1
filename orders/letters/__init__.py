"""What people are written about their orders and endpoints, and where they are reached; wired in config/letters.py."""
