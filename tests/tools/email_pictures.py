"""`make email-pictures`: every kind of e-mail in light and dark, 360 and 800 pixels wide, in screenshots/emails/."""

import base64
import io
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import django
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageDraw
from playwright.sync_api import Page

from tests.helpers.browser import chromium
from tests.helpers.demo_process import ROOT

if TYPE_CHECKING:
    from outbox.emails import Logo

FOLDER = ROOT / "screenshots" / "emails"
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}}
SITE = "https://loket.example"
LONG_NAME = "Administratiekantoor Van den Wolfeschlegelsteinhausen & Zonen, Belastingadviseurs"
LONG_TEXT = (
    "Dag {GebruikerVoorletters},\n\nOns kantoor werkt met Loket. Ga naar {UitnodigingLink} en maak je account.\n\n"
    "- Houd je telefoon bij de hand\n- Kies een wachtwoord dat je nergens anders gebruikt\n\nTot snel"
)


def build_pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the HTML part of each kind, and of invitations with a logo, a long name and other texts."""
    from accounts.emails import get_product_text
    from accounts.models import Provider
    from outbox.placeholders import EmailText
    from tests.helpers import email_samples

    for name in email_samples.TEMPLATES:
        yield name, email_samples.build_sample(name).render_html()
    offices = [Provider(name=name, invitation_days=7) for name in (email_samples.OFFICE, LONG_NAME)]
    logo, png = draw_logo()
    product_text = get_product_text("invitation", "nl")
    for name, office, text in (
        ("logo", offices[0], product_text),
        ("long-names-logo", offices[1], product_text),
        ("own-text", offices[1], EmailText("Kom bij {ProviderNaam}", LONG_TEXT)),
    ):
        html = email_samples.build_invitation_sample(office, text).render_html(logo if "logo" in name else None)
        yield f"invitation-{name}", html.replace("cid:office-logo", f"data:image/png;base64,{png}")
    html = email_samples.build_sample("invitation").render_html()
    yield "invitation-no-style-rules", html[: html.index("<style>")] + html[html.index("</style>") :]


def draw_logo() -> tuple["Logo", str]:
    """Return a dark logo without a background, as an e-mail shows it, and its PNG in Base64."""
    from outbox.emails import Logo

    image, file = Image.new("RGBA", (480, 120)), io.BytesIO()
    drawing = ImageDraw.Draw(image)
    drawing.ellipse((4, 4, 116, 116), fill="#0b3a5e")
    drawing.text((140, 20), "De Vries", fill="#0b3a5e", font_size=72)
    image.save(file, "PNG")
    return Logo(file.getvalue(), 240, 60), base64.b64encode(file.getvalue()).decode()


def shoot(page: Page, name: str, html: str) -> None:
    """Take four pictures; report axe's findings and whether the e-mail is too wide."""
    for width in (360, 800):
        page.set_viewport_size({"width": width, "height": 400})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.set_content(html)
            if page.evaluate("document.scrollingElement.scrollWidth") > width:
                print(f"{name} is wider than {width}")  # noqa: T201
            faults = Axe().run(page, options=RULES)
            if faults.violations_count:
                print(f"{name} {width} {scheme}: {faults.generate_snapshot()}")  # noqa: T201
            page.screenshot(path=FOLDER / f"{name}-{width}-{scheme}.png", full_page=True)


def main() -> None:
    """Take every picture."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loket.settings")
    os.environ["LOKET_URL"] = SITE
    django.setup()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    pages = list(build_pages())  # first: no query is possible in the loop of the browser
    with chromium() as browser:
        page = browser.new_page()
        for name, html in pages:
            shoot(page, name, html)
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}")  # noqa: T201


if __name__ == "__main__":
    main()
