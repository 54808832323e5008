"""Periodic jobs of the history."""

from core.periodic_jobs import PeriodicJob
from history import checkpoint_emails

JOBS = [
    PeriodicJob(checkpoint_emails.sign_due_checkpoints, every=300),
]
