"""What a shop sells: shops, hours, categories, products, options."""
