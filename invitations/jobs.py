"""Periodic jobs of invitations."""

from core.periodic_jobs import PeriodicJob
from invitations import actions

JOBS = [PeriodicJob(actions.expire_due_invitations, every=60)]
