"""The post office: keeps the log of what happened, carries envelopes to people and programs, never opens them."""
