"""Periodic jobs of support."""

from core.periodic_jobs import PeriodicJob
from support import impersonation

JOBS = [PeriodicJob(impersonation.end_expired_impersonations, every=10)]
