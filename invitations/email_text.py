"""Text of the invitation e-mail: placeholders, validation, rendering (domain.md section 9)."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import formats, timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Provider, User

LINK_PLACEHOLDER, TWO_FACTOR_PLACEHOLDER = "UitnodigingLink", "TwoFactorTekst"
PLACEHOLDERS: dict[str, str | Promise] = {  # with their meaning
    "GebruikerVoorletters": gettext_lazy("initials of the invited user"),
    "GebruikerVoorvoegsel": gettext_lazy("last name prefix, such as “de”"),
    "GebruikerAchternaam": gettext_lazy("last name"),
    "ProviderNaam": gettext_lazy("name of your office"),
    LINK_PLACEHOLDER: gettext_lazy("the link (required)"),
    "GeldigTot": gettext_lazy("date and time until which the link is valid"),
    TWO_FACTOR_PLACEHOLDER: gettext_lazy("paragraph about two-factor, included only if required"),
}
_PLACEHOLDER_PATTERN = re.compile(r"\{([^{}\s]*)\}")
EXAMPLE_TOKEN = "dit-is-een-voorbeeld"  # noqa: S105 in the place of the token of a real link

TWO_FACTOR_PARAGRAPH = (
    "Inloggen gaat met two-factor authenticatie. Houd je telefoon bij de hand:"
    " je stelt het in zodra je de uitnodiging hebt geaccepteerd."
)


@dataclass(frozen=True)
class EmailText:
    subject: str
    body: str

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.subject}\n{self.body}".encode()).hexdigest()


STANDARD_TEXT = EmailText(
    "Uitnodiging voor Loket van {ProviderNaam}",
    "Beste {GebruikerVoorletters} {GebruikerVoorvoegsel} {GebruikerAchternaam},\n\n"
    "Je bent uitgenodigd om in te loggen bij Loket van {ProviderNaam}. Open de link en vul de code in die we naar je"
    " mobiel sturen. Daarna kies je zelf een gebruikersnaam en een wachtwoord.\n\n"
    "{UitnodigingLink}\n\n"
    "De link is geldig tot {GeldigTot}.\n\n"
    "{TwoFactorTekst}\n\n"
    "Met vriendelijke groet,\n{ProviderNaam}",
)


def validate_text(subject: str, body: str) -> None:
    """Raise ValidationError, by field, for an unknown placeholder or a missing link."""
    faults: dict[str, list[ValidationError]] = {"subject": [], "body": []}
    for field, text in (("subject", subject), ("body", body)):
        if unknown := sorted(set(_PLACEHOLDER_PATTERN.findall(text)) - set(PLACEHOLDERS)):
            names = ", ".join("{" + name + "}" for name in unknown)
            message = _("Unknown placeholder %(names)s. Use one from the list.") % {"names": names}
            faults[field].append(ValidationError(message, code="placeholder"))
    if "{" + LINK_PLACEHOLDER + "}" in subject:
        message = _("The link belongs in the text, not the subject.")
        faults["subject"].append(ValidationError(message, code="link_in_subject"))
    if len(subject.splitlines()) > 1:
        faults["subject"].append(ValidationError(_("The subject must be a single line."), code="one_line"))
    if "{" + LINK_PLACEHOLDER + "}" not in body:
        message = _("Put {UitnodigingLink} in the text. Without the link, no one can accept the invitation.")
        faults["body"].append(ValidationError(message, code="no_link"))
    if any(faults.values()):
        raise ValidationError({field: found for field, found in faults.items() if found})


def render_text(text: EmailText, user: User, *, link: str, expires_at: datetime, with_two_factor: bool) -> EmailText:
    """Return `text` with every placeholder replaced once; a name that looks like a placeholder stays unchanged.

    With `with_two_factor`, that paragraph is added at the end of a text without a placeholder for it. `user` need not
    be stored, but has an office. The date is always in Dutch, like the text.
    """
    with translation.override(settings.LANGUAGE_CODE):
        until = formats.date_format(timezone.localtime(expires_at), r"l j F Y \o\m H:i")
    two_factor = TWO_FACTOR_PARAGRAPH if with_two_factor else ""
    filled = (user.initials, user.prefix, user.last_name, user.office_name, link, until, two_factor)
    values = dict(zip(PLACEHOLDERS, filled, strict=True))

    def replace_placeholders(template: str) -> str:
        return _PLACEHOLDER_PATTERN.sub(lambda found: values.get(found[1], found[0]), template)

    body = text.body
    if two_factor and "{" + TWO_FACTOR_PLACEHOLDER + "}" not in body:
        body += "\n\n{" + TWO_FACTOR_PLACEHOLDER + "}"
    lines = [re.sub(r" {2,}", " ", line).rstrip(" ") for line in replace_placeholders(body).splitlines()]
    plain = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
    return EmailText(re.sub(r"\s+", " ", replace_placeholders(text.subject)).strip(), plain)


def build_link(token: str) -> str:
    return settings.LOKET_URL + reverse("invitations:open_link", args=[token])


def render_example(text: EmailText, user: User, provider: Provider) -> EmailText:
    """Return `text` as `user`, who need not be stored, would get it from `provider`, with a link that does not work."""
    user.provider = provider
    until = timezone.now() + timedelta(days=provider.invitation_days)
    return render_text(
        text, user, link=build_link(EXAMPLE_TOKEN), expires_at=until, with_two_factor=user.two_factor_required
    )


def build_example_user() -> User:
    """Return an example user, who must use two-factor, for previews."""
    return User(initials="P.", prefix="de", last_name="Boer", two_factor_required=True)
