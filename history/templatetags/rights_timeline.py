"""The timeline of one user's rights."""

from typing import Any

from django import template

from accounts.models import User
from history.presenters.timeline_picture import draw_timeline
from history.presenters.user_timeline import MAX_EVENTS, PERIOD, build_timeline

register = template.Library()


@register.inclusion_tag("history/_rights_timeline.html")
def rights_timeline(user: User) -> dict[str, Any]:
    """Draw what `user` had over the last year, with a list that says the same."""
    timeline = build_timeline(user)
    picture = draw_timeline(timeline, timeline.now - PERIOD)
    return {"colleague": user, "timeline": timeline, "picture": picture, "max_events": MAX_EVENTS}
