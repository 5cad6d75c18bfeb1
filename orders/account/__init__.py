"""Signing in and out, making an account, choosing a language: the same door for everybody."""
