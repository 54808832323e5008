"""Pages for importing, and for doing something to several people at once."""
