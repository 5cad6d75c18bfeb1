"""The demo: three believable shops and the people around them; `manage.py seed_demo` writes them once."""
