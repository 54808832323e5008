"""Rules about duties, and the exceptions to them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.composite_keys import SameOfficeForeignKey
from core.key_fields import KeyedModel, KeyField
from core.keys import compute_name_key
from permissions.catalog import Right, rights_from_codes
from permissions.office_models import OfficeModel, OfficeQuerySet


class DutyRule(KeyedModel, OfficeModel):
    """Rights that may not be in one hand: `first` and `second`, of the whole office or at the same employer.

    A user conflicts with it by holding any, or with `first_all` and `second_all` all, of the rights on both sides.
    """

    class Level(models.TextChoices):
        OFFICE = "office", _("In the whole office")
        EMPLOYER = "employer", _("At the same employer")

    class Severity(models.TextChoices):
        WARN = "warn", _("Warn")
        REFUSE = "refuse", _("Refuse")

    name = models.CharField(_("Name"), max_length=70)
    first = ArrayField(models.CharField(max_length=40), default=list, verbose_name=_("These rights"))
    first_all = models.BooleanField(default=False)
    second = ArrayField(models.CharField(max_length=40), default=list, verbose_name=_("Not together with"))
    second_all = models.BooleanField(default=False)
    level = models.CharField(_("Where"), max_length=10, choices=Level, default=Level.OFFICE)
    severity = models.CharField(_("When a change leads to a conflict"), max_length=10, choices=Severity)
    reason = models.CharField(_("Reason"), max_length=300)
    version = models.PositiveIntegerField(default=1, editable=False)  # incremented by every change
    created_at = models.DateTimeField(auto_now_add=True)
    name_key = KeyField("name", compute=compute_name_key)

    objects = OfficeQuerySet["DutyRule"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["id", "provider"], name="duty_rule_id_provider"),
            models.UniqueConstraint(fields=["provider", "name_key"], name="duty_rule_name_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def sides(self) -> tuple[frozenset[Right], frozenset[Right]]:
        return rights_from_codes(self.first), rights_from_codes(self.second)


class DutyExemption(OfficeModel):
    """Allows one user to conflict with a rule, at `employer` or everywhere, once a second user approved it."""

    rule = models.ForeignKey(DutyRule, on_delete=models.CASCADE, related_name="exemptions", db_index=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="duty_exemptions", db_index=False)
    employer = models.ForeignKey(
        "permissions.Employer", on_delete=models.CASCADE, null=True, related_name="+", db_index=False
    )
    reason = models.CharField(_("Reason"), max_length=300)
    until = models.DateField(_("Last day"))
    requested_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    requested_at = models.DateTimeField(auto_now_add=True)
    approved_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    approved_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)  # rejected or withdrawn

    objects = OfficeQuerySet["DutyExemption"].as_manager()

    class Meta:
        constraints = [
            SameOfficeForeignKey("rule"),
            SameOfficeForeignKey("user"),
            SameOfficeForeignKey("employer"),
            SameOfficeForeignKey("requested_by"),
            SameOfficeForeignKey("approved_by"),
            models.CheckConstraint(
                condition=Q(approved_by=None)
                | ~Q(approved_by=models.F("user")) & ~Q(approved_by=models.F("requested_by")),
                name="duty_exemption_two_users",
            ),
        ]
        indexes = [models.Index(fields=["provider", "user", "rule"], name="duty_exemption_by_user")]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.user_id}"
