"""Periodic jobs of signing in."""

from authentication import actions
from authentication.mfa import reminders
from core.periodic_jobs import PeriodicJob

JOBS = [
    PeriodicJob(actions.process_reset_requests, every=0.5),
    PeriodicJob(reminders.send_due_reminders, every=3600),
    PeriodicJob(actions.delete_expired_data, every=3600),
]
