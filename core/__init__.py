"""What every app builds on."""

__version__ = "0.1.0"  # of Loket
