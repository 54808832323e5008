"""Input about who may do what."""
