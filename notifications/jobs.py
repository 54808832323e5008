"""Periodic jobs of notifications."""

from core.periodic_jobs import PeriodicJob
from notifications import delivery

JOBS = [PeriodicJob(delivery.run_daily, every=1)]
