"""Support pages besides the admin: actions that ask for a reason."""
