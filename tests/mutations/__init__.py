"""Every guard of the house is taken away once, to see that some test notices: `python -m tests.mutations`."""
