"""Pages of teams, employers, rights and authorization sets."""
