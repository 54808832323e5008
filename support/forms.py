"""What support fills in before it helps."""

from typing import Any

from invitations.forms.office import mobile_number_field
from invitations.phones import mobile_number
from signin.factors.forms import ResetForm
from teams.rights import Help


class HelpForm(ResetForm):
    """Why, in words that the office reads in its own history; for an invitation the number as well.

    The number is sealed with the old link's token, so that nobody can read it back.
    """

    mobile_number = mobile_number_field()
    field_order = ["mobile_number", "reason"]

    def __init__(self, *args: Any, help: Help, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if help != Help.RESEND:
            del self.fields["mobile_number"]

    def clean_mobile_number(self) -> str:
        """Return the number as E.164."""
        return mobile_number(self.cleaned_data["mobile_number"])
