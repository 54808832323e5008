"""Django database backend on the embedded PostgreSQL: `ENGINE = "core.embedded_postgres"` with `DATA_DIR`."""
