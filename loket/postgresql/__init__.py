"""Django's PostgreSQL backend, except that nothing waits for a database that is known to be down."""
