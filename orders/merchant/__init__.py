"""What a shop sees and presses: the board, one order, its products, its card keys."""
