"""What a customer sees and presses to pay."""
