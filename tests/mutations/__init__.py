"""Remove every guard of the code once and check that a test fails: `python -m tests.mutations`."""
