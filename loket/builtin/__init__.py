"""Django database backend on the embedded PostgreSQL: `ENGINE = "loket.builtin"` with `DATA_DIR`."""
