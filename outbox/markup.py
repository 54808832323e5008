"""A mail's text as HTML: every mail is sent in both forms and says the same in each."""

from django.conf import settings
from django.utils.html import format_html, format_html_join, urlize
from django.utils.safestring import SafeString, mark_safe

_STYLE = "font:16px/24px system-ui,sans-serif;color:#16202a;max-width:36em"  # mail programs read no stylesheet


def as_html(text: str) -> SafeString:
    """Return `text` as HTML paragraphs with clickable links; whatever was typed in it is escaped.

    Mails are in the language of the product, whatever its reader chose for his screen.
    """
    parts = [urlize(part, autoescape=True).replace("\n", "<br>") for part in text.strip().split("\n\n")]
    paragraphs = format_html_join("", "<p>{}</p>", ((mark_safe(part),) for part in parts))  # noqa: S308 (escaped above)
    return format_html('<div lang="{}" style="{}">{}</div>', settings.LANGUAGE_CODE, _STYLE, paragraphs)
