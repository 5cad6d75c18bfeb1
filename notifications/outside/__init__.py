"""How we call servers that are not ours: webhooks, pushes and SMS meet here, and know nothing of each other."""
