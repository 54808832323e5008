"""Pages of imports and bulk actions."""
