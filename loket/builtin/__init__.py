"""Django's database backend on the built-in PostgreSQL: `ENGINE = "loket.builtin"` with `DATA_DIR`."""
