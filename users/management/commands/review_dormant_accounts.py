"""`manage.py review_dormant_accounts`: list the accounts of an office that need review, as the page does."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.commands import get_office
from accounts.models import User
from core.commands import EXIT_FAULTS, LocalizedCommand
from users import dormant_accounts
from users.dormant_accounts import MAX_THRESHOLD_DAYS, ReviewReason, ReviewThresholds, UserToReview

_FETCH_SIZE = 1000  # fetched at a time


class Command(LocalizedCommand):
    help = "List dormant accounts of an office: unused, ended, never accepted, or with an old password."

    def add_arguments(self, parser: CommandParser) -> None:
        standard = ReviewThresholds()
        parser.add_argument("--provider", required=True, help="office ID or name")
        parser.add_argument("--days", type=int, default=standard.days, help="days without a login")
        parser.add_argument(
            "--password-days", type=int, default=standard.password_days, help="maximum password age in days"
        )
        parser.add_argument("--json", action="store_true", help="output JSON lines")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        provider = get_office(options["provider"])
        thresholds = ReviewThresholds(options["days"], options["password_days"])
        if not all(1 <= days <= MAX_THRESHOLD_DAYS for days in thresholds):
            raise CommandError(f"Give numbers of days from 1 to {MAX_THRESHOLD_DAYS}.", returncode=EXIT_FAULTS)
        users = User.objects.filter(provider=provider)
        counts = dormant_accounts.count_users_to_review(users, thresholds)
        if options["json"]:
            self._write_json(provider=str(provider.pk), **thresholds._asdict(), counts=counts)
        for reason, count in counts.items():
            if not options["json"]:
                self.stdout.write(f"{reason.get_title(thresholds)}: {count}")
            for user in dormant_accounts.filter_users_to_review(users, reason, thresholds).iterator(_FETCH_SIZE):
                if options["json"]:
                    self._write_user(reason, user)
                else:
                    since = dormant_accounts.format_since(user, reason)
                    self.stdout.write(f"    {user.list_name}, {since}, {dormant_accounts.build_user_url(user)}")

    def _write_user(self, reason: ReviewReason, user: UserToReview) -> None:
        self._write_json(
            list=reason,
            id=str(user.pk),
            name=user.full_name,
            email=user.email,
            username=user.username,
            since=user.since.isoformat(),
            url=dormant_accounts.build_user_url(user),
        )

    def _write_json(self, **values: Any) -> None:
        self.stdout.write(json.dumps(values, ensure_ascii=False))
