"""Periodic jobs of notifications."""

from core.periodic_jobs import PeriodicJob
from notifications import delivery, undelivered

JOBS = [PeriodicJob(delivery.run_daily, every=1), PeriodicJob(undelivered.notify_senders, every=5)]
