"""Lockstep on one machine: embedded PostgreSQL and Redis, the process supervisor, the front door."""
