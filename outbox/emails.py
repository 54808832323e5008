"""Texts of e-mails: rendering of `templates/emails/`, and the HTML part, which says the same as the text part."""

from typing import Any, NamedTuple

from django.conf import settings
from django.template import Context, Engine
from django.utils import translation
from django.utils.html import format_html, format_html_join, urlize
from django.utils.safestring import SafeString, mark_safe

_INLINE_STYLE = "font:16px/24px system-ui,sans-serif;color:#16202a;max-width:36em"  # email clients ignore style sheets


class EmailContent(NamedTuple):
    subject: str
    text: str


def render_email(template: str, **context: Any) -> EmailContent:
    """Render `templates/emails/<template>.txt` in the default language; its first line is the subject.

    `site` in the context is the address of this installation, without a slash at the end.
    """
    with translation.override(settings.LANGUAGE_CODE):
        values = Context({"site": settings.LOKET_URL, **context}, autoescape=False)
        content = Engine.get_default().get_template(f"emails/{template}.txt").render(values)
    subject, _line_end, text = content.strip().partition("\n")
    return EmailContent(subject, text.strip() + "\n")


def render_text_as_html(text: str) -> SafeString:
    """Render `text` as HTML paragraphs with clickable links; all text is escaped.

    E-mails are in the default language, whatever language the recipient chose for the screens.
    """
    parts = [urlize(part, autoescape=True).replace("\n", "<br>") for part in text.strip().split("\n\n")]
    paragraphs = format_html_join("", "<p>{}</p>", ((mark_safe(part),) for part in parts))  # noqa: S308 (escaped above)
    return format_html('<div lang="{}" style="{}">{}</div>', settings.LANGUAGE_CODE, _INLINE_STYLE, paragraphs)
