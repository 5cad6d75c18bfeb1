"""A shop's figures: what an event means for them, the questions asked of the exported events, the answers in words."""
