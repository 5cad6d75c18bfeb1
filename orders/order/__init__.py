"""The order itself: its two state machines, its lines, and the one road by which it moves."""
