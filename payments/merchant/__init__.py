"""What the shop presses when a customer pays at its counter."""
