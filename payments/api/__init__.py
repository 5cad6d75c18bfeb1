"""What a program may ask about money: one file a noun, the addresses in urls.py."""
