"""Periodic jobs of users."""

from core.periodic_jobs import PeriodicJob
from users import dormant_account_emails, password_overlap

JOBS = [
    PeriodicJob(dormant_account_emails.send_due_emails, every=10),
    PeriodicJob(password_overlap.end_expired, every=60),
]
