"""Periodic jobs of users."""

from core.periodic_jobs import PeriodicJob
from users import dormant_account_emails

JOBS = [PeriodicJob(dormant_account_emails.send_due_emails, every=10)]
