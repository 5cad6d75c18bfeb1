"""What a rider sees and presses."""
