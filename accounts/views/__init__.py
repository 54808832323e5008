"""Pages about people, about oneself and about the office."""
