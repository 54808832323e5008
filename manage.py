#!/usr/bin/env python
"""Run a management command: `python manage.py help` lists them."""

from loket.__main__ import main

if __name__ == "__main__":
    main()
