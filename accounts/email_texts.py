"""The office's own texts of e-mails: every version that was saved; where there is none, the text of the product."""

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import models
from django.db.models import F, Q

from core.composite_keys import SameOfficeForeignKey
from core.ids import uuid7
from outbox.placeholders import MAX_BODY_LENGTH, MAX_SUBJECT_LENGTH, EmailText

if TYPE_CHECKING:
    from accounts.models import Provider

KEPT_VERSIONS = 50  # of a kind in a language


class OfficeEmailText(models.Model):
    """A saved version; the newest of its kind and language is in use, and an empty one is the text of the product."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey("accounts.Provider", on_delete=models.CASCADE, db_index=False, related_name="+")
    kind = models.CharField(max_length=40)  # see `email_kinds.KINDS`
    language = models.CharField(max_length=7)
    number = models.PositiveIntegerField()
    subject = models.CharField(max_length=MAX_SUBJECT_LENGTH, blank=True)
    body = models.TextField(max_length=MAX_BODY_LENGTH, blank=True)
    saved_at = models.DateTimeField(auto_now_add=True)
    # Null: the operator or an erased user.
    saved_by = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "kind", "language", "number"], name="email_text_version"),
            models.CheckConstraint(
                condition=Q(subject="", body="") | ~Q(subject="") & ~Q(body=""), name="email_text_whole"
            ),
            SameOfficeForeignKey("saved_by"),
        ]
        indexes = [models.Index(fields=["saved_by"], name="email_text_saved_by")]

    def __str__(self) -> str:
        return f"{self.kind} {self.language} {self.number}"

    @property
    def is_own(self) -> bool:
        return bool(self.body)

    @property
    def text(self) -> EmailText | None:
        """The text, or None for that of the product."""
        return EmailText(self.subject, self.body) if self.is_own else None


def list_versions(provider: "Provider", kind: str, language: str) -> list[OfficeEmailText]:
    """Return the versions, the one in use first. One query."""
    rows = OfficeEmailText.objects.filter(provider=provider, kind=kind, language=language)
    return list(rows.select_related("saved_by").order_by("-number"))


def find_texts(kind: str, provider_ids: Iterable[UUID]) -> dict[UUID, EmailText]:
    """Return the own text of each of these offices that has one in the language of its e-mails. One query."""
    rows = OfficeEmailText.objects.filter(provider__in=provider_ids, kind=kind, language=F("provider__email_language"))
    newest = rows.order_by("provider", "-number").distinct("provider").values_list("provider", "subject", "body")
    return {provider: EmailText(subject, body) for provider, subject, body in newest if body}


def list_versions_in_use(provider: "Provider", language: str) -> dict[str, OfficeEmailText]:
    """Return the version in use of each kind that has one, also those of the product. One query."""
    rows = OfficeEmailText.objects.filter(provider=provider, language=language)
    return {row.kind: row for row in rows.order_by("kind", "-number").distinct("kind")}
