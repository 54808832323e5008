"""Pages for signing in, re-authentication, sessions and two-factor."""
