"""Notifications: preferences, sets of preferences, raised notification events, and which users they were shown to."""

from datetime import date
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Provider, User
from core.composite_keys import SameOfficeForeignKey
from notifications.catalog import MAX_OFFSET_DAYS, NotificationType
from permissions import checks
from permissions.models import Employer, OfficeModel, OfficeQuerySet, OfficeSet
from permissions.products import Product

MAX_TEXT_LENGTH = 150  # characters of the text of a notification event


class NotificationSet(OfficeSet):
    """A bundle of preferences that can be copied to a user (domain.md section 5)."""

    objects = OfficeQuerySet["NotificationSet"].as_manager()


class NotificationSetting(OfficeModel):
    """Preference of the office, a user or a set for one type of notification event; a value of None follows the office.

    Without user and set it is the office's own (Signaal AK). Only a user's setting may have None.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="notification_settings")
    notification_set = models.ForeignKey(NotificationSet, on_delete=models.CASCADE, null=True, related_name="settings")
    type = models.CharField(max_length=40)  # the code of a `notifications.catalog.NotificationType`
    is_on = models.BooleanField(null=True)
    days = models.PositiveSmallIntegerField(null=True)
    mail = models.BooleanField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "user", "notification_set", "type"],
                name="notification_setting_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(user=None) | Q(notification_set=None), name="notification_setting_of_one"
            ),
            models.CheckConstraint(
                condition=Q(days=None) | Q(days__gte=0, days__lte=MAX_OFFSET_DAYS), name="notification_setting_days"
            ),
            models.CheckConstraint(
                condition=Q(is_on__isnull=False, days__isnull=False, mail__isnull=False)
                | Q(user__isnull=False) & ~Q(is_on=None, days=None, mail=None),
                name="notification_setting_is_whole",
            ),
            SameOfficeForeignKey("user"),
            SameOfficeForeignKey(
                "notification_set", name="notifications_setting_set_id_same_office"
            ),  # the default is cut
        ]

    def __str__(self) -> str:
        return self.type


class NotificationSetApplication(OfficeModel):
    """When a set was last applied to a user; used only to show who deviates from it."""

    notification_set = models.ForeignKey(NotificationSet, on_delete=models.CASCADE, related_name="applications")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="applied_notification_sets")
    applied_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "notification_set", "user"], name="notification_set_application_once"
            ),
            SameOfficeForeignKey("notification_set", name="notifications_setapplication_set_id_same_office"),
            SameOfficeForeignKey("user"),
        ]

    def __str__(self) -> str:
        return f"{self.notification_set_id} {self.user_id}"


class NotificationEvent(OfficeModel):
    """An event at an employer that users are notified of; `notifications.delivery` determines to whom, daily."""

    employer = models.ForeignKey(Employer, on_delete=models.CASCADE, related_name="notification_events")
    type = models.CharField(max_length=40)
    event_date = models.DateField()
    text = models.CharField(max_length=MAX_TEXT_LENGTH, blank=True)
    reference = models.CharField(max_length=MAX_TEXT_LENGTH, blank=True)  # distinguishes those of one day
    raised_at = models.DateTimeField(auto_now_add=True)
    closed_on = models.DateField(null=True)  # not shown to further users from this day on

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["id", "provider"], name="event_id_provider"),
            models.UniqueConstraint(
                fields=["provider", "employer", "type", "event_date", "reference"], name="event_once"
            ),
            SameOfficeForeignKey("employer"),
        ]
        indexes = [
            models.Index(fields=["provider", "event_date"], condition=Q(closed_on=None), name="event_open_by_date")
        ]

    def __str__(self) -> str:
        return f"{self.label} {self.employer}"[:200]

    @property
    def label(self) -> str:
        return str(NotificationType(self.type).label) if self.type in set(NotificationType) else self.type


class NotificationQuerySet(models.QuerySet["Notification"]):
    def visible_to(self, user: User) -> Self:
        """Return the notifications of `user`, at employers that the user can access now and that have the product.

        Those about users whom `user` invited have no employer.
        """
        employers = checks.list_reachable_employers(user).filter(products__contains=[Product.SIGNALS])
        return self.filter(Q(employer=None) | Q(employer__in=employers), provider_id=user.provider_id, user=user)

    def unread(self) -> Self:
        return self.filter(read_at=None)


class Notification(OfficeModel):
    """A notification shown to a user: since when, whether by e-mail too, and when it was marked as read.

    About an event at an employer, or about a user whom the recipient invited and who could not be reached.
    """

    class Undelivered(models.TextChoices):
        """The message that did not reach an invited user, by its kind."""

        INVITATION = "invitation", _("Invitation not delivered")
        CODE = "code", _("Code for the invitation not delivered")

    event = models.ForeignKey(
        NotificationEvent, on_delete=models.CASCADE, null=True, db_index=False, related_name="notices"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, db_index=False, related_name="notices")
    employer = models.ForeignKey(  # the event's
        Employer, on_delete=models.CASCADE, null=True, db_index=False, related_name="+"
    )
    invited = models.ForeignKey(User, on_delete=models.CASCADE, null=True, db_index=False, related_name="+")
    undelivered = models.CharField(max_length=10, choices=Undelivered, blank=True)
    message_id = models.UUIDField(null=True)  # what was not delivered
    shown_at = models.DateTimeField()
    by_mail = models.BooleanField()  # still to be mailed while `mailed_on` is empty
    mailed_on = models.DateField(null=True)
    read_at = models.DateTimeField(null=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "event", "user"], name="notice_once"),
            models.UniqueConstraint(
                fields=["message_id"], condition=Q(message_id__isnull=False), name="notice_of_message_once"
            ),
            models.CheckConstraint(
                condition=Q(event__isnull=False, employer__isnull=False, invited=None, undelivered="", message_id=None)
                | Q(event=None, employer=None, invited__isnull=False, message_id__isnull=False) & ~Q(undelivered=""),
                name="notice_about_event_or_invited",
            ),
            SameOfficeForeignKey("event"),
            SameOfficeForeignKey("user"),
            SameOfficeForeignKey("employer"),
            SameOfficeForeignKey("invited"),
        ]
        indexes = [
            models.Index(
                fields=["invited", "provider"], condition=Q(invited__isnull=False), name="notice_about_invited"
            ),
            models.Index(fields=["provider", "user", "-shown_at", "-id"], name="notice_of_user"),
            models.Index(
                fields=["provider", "user", "-shown_at", "-id"], condition=Q(read_at=None), name="notice_unread"
            ),
            models.Index(fields=["provider", "user"], condition=Q(by_mail=True, mailed_on=None), name="notice_to_mail"),
            models.Index(
                fields=["provider", "mailed_on", "user"], condition=Q(mailed_on__isnull=False), name="notice_mailed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id or self.invited_id} {self.user_id}"

    @property
    def label(self) -> str:
        return self.event.label if self.event else str(self.Undelivered(self.undelivered).label)

    @property
    def text(self) -> str:
        """What the label does not say, such as the name of the user that it is about."""
        return self.event.text if self.event else self.invited.full_name if self.invited else ""

    @property
    def day(self) -> date:
        return self.event.event_date if self.event else timezone.localdate(self.shown_at)


class DailyRun(models.Model):
    """The day on which the notification events of an office are processed next; workers lock this row."""

    provider = models.OneToOneField(Provider, on_delete=models.CASCADE, primary_key=True, related_name="+")
    due_on = models.DateField()

    class Meta:
        indexes = [models.Index(fields=["due_on", "provider"], name="office_day_due")]

    def __str__(self) -> str:
        return f"{self.provider_id} {self.due_on}"
