"""What a picker sees and presses: the orders to pick, and one thing at a time."""
