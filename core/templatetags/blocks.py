"""Blocks that a page shows twice."""

from django import template
from django.template.base import NodeList
from django.template.context import Context
from django.template.loader_tags import BlockNode
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag(takes_context=True)
def block_again(context: Context, name: str) -> SafeString:
    """Render the block `name` of the page once more."""
    return BlockNode(name, NodeList()).render(context)
