"""Periodic jobs of imports."""

from core.periodic_jobs import PeriodicJob
from imports import actions

JOBS = [PeriodicJob(actions.delete_expired_jobs, every=60)]
