"""An example of every kind of e-mail, rendered from its template with plausible values; stores nothing."""

from datetime import date, datetime
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from accounts.emails import build_values, fill_example, get_product_text
from accounts.models import Provider, User
from outbox.emails import EmailContent, Logo, render_draft, render_html, render_text
from outbox.placeholders import EmailText

OFFICE = "Administratiekantoor De Vries"
TEMPLATES = sorted(
    path.stem for path in (settings.BASE_DIR / "templates/emails").glob("*.txt") if not path.stem.startswith("_")
)
SIGNED = '{"checkpoint":{"at":"2026-11-28T10:00:00+00:00","hash":"' + "4f1c" * 16 + '","sequence":1432},"key":"a1b2"}'


class EmailSample(NamedTuple):
    """An e-mail as it is queued, with both parts as they are sent."""

    content: EmailContent
    title: str
    office: str

    @property
    def text(self) -> str:
        return render_text(self.content, title=self.title)

    def render_html(self, logo: Logo | None = None) -> str:
        return render_html(self.content, title=self.title, office=self.office, logo=logo)


def build_sample(name: str, *, office: str = OFFICE, **changes: Any) -> EmailSample:
    """Render the template `name` with its values, of which `changes` replaces some."""
    provider = Provider(name=office, invitation_days=7)
    user = User(initials="P.", prefix="de", last_name="Boer", username="p.deboer", provider=provider)
    user.login_method = "website_sso"
    if name == "invitation":
        return build_invitation_sample(provider, get_product_text(name, settings.LANGUAGE_CODE))
    values: dict[str, Any] = {"office": office, "user": user} | _build_values(user, provider) | changes
    return EmailSample(render_draft(name, **values).fill(build_values(values["user"])), "", office)


def build_invitation_sample(provider: Provider, text: EmailText) -> EmailSample:
    sender = User(initials="M.", last_name="Vermeer", email="m.vermeer@devries.example", provider=provider)
    user = User(initials="P.", prefix="de", last_name="Boer", provider=provider)
    example = fill_example("invitation", user, language=settings.LANGUAGE_CODE, sender=sender, text=text)
    return EmailSample(example.content, example.title, provider.name)


def _build_values(user: User, provider: Provider) -> dict[str, Any]:
    started = datetime(2026, 11, 28, 10, 5, tzinfo=timezone.get_default_timezone())
    supporter = User(initials="J.", last_name="de Wit")
    events = [
        SimpleNamespace(event_date=date(2026, 12, 1), employer=SimpleNamespace(name=name), label=label, text=text)
        for name, label, text in (
            ("Bakkerij Jansen", "Einde contract", "A. Bos"),
            ("Hoveniersbedrijf Van der Wolfeschlegelsteinhausen en Zonen", "Verjaardag", "S.G. Prins wordt 50 jaar"),
        )
    ]
    return {
        "impersonation": SimpleNamespace(
            supporter=supporter, user=user, started_at=started, ended_at=started, reason="Ziet het team niet, zaak 4712"
        ),
        "invited": User(initials="A.", last_name="Bos", provider=provider),
        "events": events,
        "count": 5,
        "more": 3,
        "due": date(2026, 12, 7),
        "lists": [("Langer dan 60 dagen niet ingelogd", 12), ("Uitnodiging niet geaccepteerd", 3)],
        "device": "Telefoon van Piet",
        "reason": "Op verzoek van het kantoor, zaak 4712",
        "token": "Zx8" * 14 + "q",
        "minutes": 60,
        "hours": 48,
        "left": 3,
        "number": 1432,
        "signed": SIGNED,
        "review": {"name": "Najaar 2026", "deadline": date(2026, 12, 1)},
        "review_url": "/beoordelingen/",
        "undecided": 103,
        "revoked": 6,
        "is_empty": False,
        "directory": "Entra ID",
        "connection": UUID(int=1),
        "domain": "devries.example",
        "address": "loket@devries.example",
        "records": ["DKIM", "DMARC"],
    }
