"""The text of the invitation mail: placeholders, checks, rendering (domain.md section 9)."""

import re
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from accounts.models import User

LINK = "UitnodigingLink"
PLACEHOLDERS = (
    "GebruikerVoorletters",
    "GebruikerVoorvoegsel",
    "GebruikerAchternaam",
    "ProviderNaam",
    LINK,
    "GeldigTot",
    "TwoFactorTekst",
)
_PLACEHOLDER = re.compile(r"\{([^{}\s]*)\}")

DEFAULT_SUBJECT = "Uitnodiging voor Loket van {ProviderNaam}"
DEFAULT_BODY = """\
Beste {GebruikerVoorletters} {GebruikerVoorvoegsel} {GebruikerAchternaam},

Je bent uitgenodigd om in te loggen bij Loket van {ProviderNaam}. Open de link en vul de code in die we naar je mobiel sturen. Daarna kies je zelf een gebruikersnaam en een wachtwoord.

{UitnodigingLink}

De link is geldig tot {GeldigTot}.

{TwoFactorTekst}

Met vriendelijke groet,
{ProviderNaam}"""
TWO_FACTOR = (
    "Inloggen gaat met two-factor authenticatie. Houd je telefoon bij de hand:"
    " je richt het in zodra je de uitnodiging hebt geaccepteerd."
)


@dataclass(frozen=True)
class Text:
    """Subject and body, with placeholders or filled in."""

    subject: str
    body: str


def check(subject: str, body: str) -> None:
    """Raise ValidationError, by field, for an unknown placeholder or a missing link."""
    faults: dict[str, list[str]] = {}
    for field, text in (("subject", subject), ("body", body)):
        unknown = sorted(set(_PLACEHOLDER.findall(text)) - set(PLACEHOLDERS))
        if unknown:
            names = ", ".join("{" + name + "}" for name in unknown)
            faults.setdefault(field, []).append(_("There is no placeholder %(names)s.") % {"names": names})
    if "{" + LINK + "}" in subject:
        faults.setdefault("subject", []).append(_("The link belongs in the text, not in the subject."))
    if any(char in subject for char in "\r\n"):
        faults.setdefault("subject", []).append(_("The subject is one line."))
    if "{" + LINK + "}" not in body:
        faults.setdefault("body", []).append(
            _("Put {UitnodigingLink} in the text. Without the link nobody can accept the invitation.")
        )
    if faults:
        raise ValidationError(faults)


def fill(text: Text, user: User, *, link: str, expires_at: datetime) -> Text:
    """Return `text` with every placeholder replaced once; a name that looks like a placeholder stays as it is.

    When two-factor is required and the text has no place for it, the paragraph is put at the end.
    """
    until = formats.date_format(timezone.localtime(expires_at), r"l j F Y \o\m H:i")
    two_factor = TWO_FACTOR if user.two_factor_required else ""
    values = dict(
        zip(
            PLACEHOLDERS,
            (user.initials, user.prefix, user.last_name, user.provider.name, link, until, two_factor),
            strict=True,
        )
    )

    def replaced(template: str) -> str:
        return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)

    body = text.body
    if two_factor and "{TwoFactorTekst}" not in body:
        body += "\n\n{TwoFactorTekst}"
    lines = [re.sub(r" {2,}", " ", line) for line in replaced(body).splitlines()]
    plain = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
    return Text(re.sub(r"\s+", " ", replaced(text.subject)).strip(), plain)
