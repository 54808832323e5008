"""What `loket doctor` checks. Each check takes limited time and needs none of the others."""
