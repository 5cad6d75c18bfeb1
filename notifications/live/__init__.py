"""Live delivery to people: one hub a process, one subscription protocol, frames in the order of the log."""
