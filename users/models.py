"""How a user wants to see the list of users."""

from django.db import models

from accounts.models import Provider, User
from core.composite_keys import SameOfficeForeignKey


class UserListPreference(models.Model):
    """The columns and saved views of one user; without a row, those of the product apply.

    A view holds filters, never the words of a search: these are names of colleagues, which must not outlive them.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="list_preference")
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, db_index=False, related_name="+")
    columns = models.JSONField(null=True)  # None: the usual ones
    views = models.JSONField(default=list)  # [{name, query}]
    has_shortcuts = models.BooleanField(default=True)

    class Meta:
        constraints = [SameOfficeForeignKey("user")]

    def __str__(self) -> str:
        return f"{self.user_id}"
