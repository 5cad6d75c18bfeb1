"""What a rider presses when the money is in hand."""
