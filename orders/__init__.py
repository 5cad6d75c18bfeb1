"""What is sold, to whom, and how far along each order is."""
