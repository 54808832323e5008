"""What people are told about: who wants which signals, sets of them, the signals, and who was shown which."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import Provider, User
from loket.ids import uuid7
from notifications.catalogue import MAX_DAYS, SignalType
from teams import rights
from teams.models import Employer, OfficeQuerySet
from teams.products import Product

TEXT = 150  # characters of what a signal says besides its type


def _provider() -> "models.ForeignKey[Provider, Provider]":
    """Return the column that every table has; no index of its own, because it leads the others."""
    return models.ForeignKey(Provider, on_delete=models.CASCADE, db_index=False, related_name="+")


class SignalSet(models.Model):
    """A named bundle of settings that can be copied to a user (domain.md section 5)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = _provider()
    name = models.CharField(_("Name"), max_length=50)
    version = models.PositiveIntegerField(default=1, editable=False)  # raised by every change
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfficeQuerySet["SignalSet"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["id", "provider"], name="signal_set_id_provider"),
            models.UniqueConstraint("provider", Lower("name"), name="signal_set_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class SignalSetting(models.Model):
    """What the office, a user or a set says about one type of signal; a part that is None follows the office.

    Without user and set it is the office's own (Signaal AK); only a user may leave parts out.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = _provider()
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="signal_settings")
    signal_set = models.ForeignKey(SignalSet, on_delete=models.CASCADE, null=True, related_name="settings")
    type = models.CharField(max_length=40)  # the code of a `notifications.catalogue.SignalType`
    is_on = models.BooleanField(null=True)
    days = models.PositiveSmallIntegerField(null=True)
    mail = models.BooleanField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "user", "signal_set", "type"], name="signal_setting_once", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(user=None) | Q(signal_set=None), name="signal_setting_of_one"),
            models.CheckConstraint(
                condition=Q(days=None) | Q(days__gte=0, days__lte=MAX_DAYS), name="signal_setting_days"
            ),
            models.CheckConstraint(
                condition=Q(is_on__isnull=False, days__isnull=False, mail__isnull=False)
                | Q(user__isnull=False) & ~Q(is_on=None, days=None, mail=None),
                name="signal_setting_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.type


class SignalSetApplication(models.Model):
    """That a set was applied to a user, and when last; it decides nothing, it shows who deviates."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = _provider()
    signal_set = models.ForeignKey(SignalSet, on_delete=models.CASCADE, related_name="applications")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="applied_signal_sets")
    applied_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "signal_set", "user"], name="signal_set_application_once")
        ]

    def __str__(self) -> str:
        return f"{self.signal_set_id} {self.user_id}"


class Signal(models.Model):
    """Something at an employer that people are told about; who is, is decided on the day (`notifications.delivery`)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = _provider()
    employer = models.ForeignKey(Employer, on_delete=models.CASCADE, related_name="signals")
    type = models.CharField(max_length=40)
    event_date = models.DateField()
    text = models.CharField(max_length=TEXT, blank=True)
    reference = models.CharField(max_length=TEXT, blank=True)  # tells signals of one day apart: the same one is one
    raised_at = models.DateTimeField(auto_now_add=True)
    closed_on = models.DateField(null=True)  # from then on nobody more gets it

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["id", "provider"], name="signal_id_provider"),
            models.UniqueConstraint(
                fields=["provider", "employer", "type", "event_date", "reference"], name="signal_once"
            ),
        ]
        indexes = [
            models.Index(fields=["provider", "event_date"], condition=Q(closed_on=None), name="signal_open_by_date")
        ]

    def __str__(self) -> str:
        return f"{self.label} {self.employer}"[:200]

    @property
    def label(self) -> str:
        """What its type is called; the code of a type that the catalogue no longer has."""
        return str(SignalType(self.type).label) if self.type in set(SignalType) else self.type


class NoticeQuerySet(models.QuerySet["Notice"]):
    """Questions over what was shown to people."""

    def visible_to(self, user: User) -> Self:
        """Return what `user` was shown, at the employers that some team brings him to now and that have the product."""
        employers = rights.reach(user).filter(products__contains=[Product.SIGNALS])
        return self.filter(provider_id=user.provider_id, user=user, employer__in=employers)

    def unread(self) -> Self:
        """Return those that have no mark yet."""
        return self.filter(read_at=None)


class Notice(models.Model):
    """That a signal was shown to a user, since when, whether by mail too, and when he marked it as read."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = _provider()
    signal = models.ForeignKey(Signal, on_delete=models.CASCADE, db_index=False, related_name="notices")
    user = models.ForeignKey(User, on_delete=models.CASCADE, db_index=False, related_name="notices")
    employer = models.ForeignKey(Employer, on_delete=models.CASCADE, db_index=False, related_name="+")  # of the signal
    shown_at = models.DateTimeField()
    by_mail = models.BooleanField()  # still to be mailed while `mailed_on` is empty
    mailed_on = models.DateField(null=True)
    read_at = models.DateTimeField(null=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "signal", "user"], name="notice_once")]
        indexes = [
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
        return f"{self.signal_id} {self.user_id}"


class OfficeDay(models.Model):
    """From which day on the signals of an office have to be looked at; the row is what workers take turns on."""

    provider = models.OneToOneField(Provider, on_delete=models.CASCADE, primary_key=True, related_name="+")
    due_on = models.DateField()

    class Meta:
        indexes = [models.Index(fields=["due_on", "provider"], name="office_day_due")]

    def __str__(self) -> str:
        return f"{self.provider_id} {self.due_on}"
