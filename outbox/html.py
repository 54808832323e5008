"""The HTML part of emails, which says the same as their text part."""

from django.conf import settings
from django.utils.html import format_html, format_html_join, urlize
from django.utils.safestring import SafeString, mark_safe

_INLINE_STYLE = "font:16px/24px system-ui,sans-serif;color:#16202a;max-width:36em"  # email clients ignore style sheets


def render_text_as_html(text: str) -> SafeString:
    """Render `text` as HTML paragraphs with clickable links; all text is escaped.

    Emails are in the default language, whatever language the recipient chose for the screens.
    """
    parts = [urlize(part, autoescape=True).replace("\n", "<br>") for part in text.strip().split("\n\n")]
    paragraphs = format_html_join("", "<p>{}</p>", ((mark_safe(part),) for part in parts))  # noqa: S308 (escaped above)
    return format_html('<div lang="{}" style="{}">{}</div>', settings.LANGUAGE_CODE, _INLINE_STYLE, paragraphs)
