"""Tag for the templates of e-mails: parts that stay placeholders in the text, and are filled in afterwards."""

from typing import Any

from django import template
from django.template.base import Node, NodeList, Parser, Token
from django.template.context import Context

from outbox.placeholders import Need, Placeholder, format_name

register = template.Library()


class PlaceholderNode(Node):
    """Collects the rendered value in `placeholders` of the context, and leaves the placeholder in the text."""

    def __init__(self, name: str, need: Need, variable: str, nodelist: NodeList) -> None:
        self.name, self.need, self.variable, self.nodelist = name, need, variable, nodelist

    def render(self, context: Context) -> str:
        value = self.nodelist.render(context).strip()
        context["placeholders"][self.name] = Placeholder(value, self.need)
        if self.variable:
            context[self.variable] = format_name(self.name)
            return ""
        return format_name(self.name)


@register.tag("placeholder")
def parse_placeholder(parser: Parser, token: Token) -> PlaceholderNode:
    """Parse `{% placeholder Name [optional|advised] [as variable] %}value{% endplaceholder %}`.

    `as` keeps the placeholder for a `{% blocktranslate %}` that follows.
    """
    _tag, name, *rest = token.split_contents()
    variable = ""
    if rest[-2:-1] == ["as"]:
        *rest, _as, variable = rest
    need = Need[rest[0].upper()] if rest else Need.REQUIRED
    nodelist: Any = parser.parse(("endplaceholder",))
    parser.delete_first_token()
    return PlaceholderNode(name, need, variable, nodelist)
