"""Signing in, with a password and at Microsoft, and confirming it."""
