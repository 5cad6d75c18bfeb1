"""Who carries an order, where it is, and when it arrives."""
