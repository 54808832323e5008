"""Pages of users, the own profile and office settings."""
