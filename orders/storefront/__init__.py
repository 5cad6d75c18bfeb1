"""What a customer sees and presses: shops, cart, checkout, orders, card keys; every page works without script."""
