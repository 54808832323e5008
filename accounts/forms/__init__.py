"""Input about offices and their people. The limits are those of the models' fields (domain.md section 2)."""
