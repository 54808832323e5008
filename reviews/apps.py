"""App configuration: adds the reviews to the audit package."""

from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "reviews"

    def ready(self) -> None:
        from history import audit_package
        from reviews import reports

        audit_package.EXTRA_ENTRIES[self.name] = reports.iter_package_entries
