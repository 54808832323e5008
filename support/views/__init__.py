"""The pages of support besides those of the admin: buttons that ask why, and what they need."""
