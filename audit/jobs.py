"""Periodic jobs of the audit log."""

from audit import chain
from core.periodic_jobs import PeriodicJob

JOBS = [
    PeriodicJob(chain.append_all_pending, every=5),
]
