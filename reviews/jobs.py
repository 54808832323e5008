"""Periodic jobs of access reviews."""

from core.periodic_jobs import PeriodicJob
from reviews import plans, schedule

JOBS = [
    PeriodicJob(plans.record_executions, every=5),
    PeriodicJob(schedule.close_due_campaigns, every=60),
    PeriodicJob(schedule.send_reminders, every=300),
    PeriodicJob(schedule.repeat_campaigns, every=300),
]
