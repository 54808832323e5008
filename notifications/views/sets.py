"""Pages of notification sets."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from notifications import preferences, sets
from notifications.forms import NotificationSetForm
from notifications.models import NotificationSet
from permissions.views import SetPages

SET_PAGES = SetPages(
    namespace="notifications",
    model=NotificationSet,
    build_form=lambda request, instance: NotificationSetForm(request.POST or None, instance=instance),
    create=sets.create_set,
    update=sets.update_set,
    delete=sets.delete_set,
    list_uses=sets.get_set_usages,
    count_contents=lambda notification_set: len(preferences.get_set_preferences(notification_set)),
    title=_("Notification sets"),
    new_title=_("New notification set"),
    contents_label=pgettext_lazy("told", "Notifications"),
    explanation=_(
        "A notification set is a bundle of settings that you copy to a user. Only the settings in the set change."
    ),
    change_hint=_("Changing the set does not change any user's notifications until you apply it again."),
    delete_hint=_("The set is deleted; no user's notifications change."),
    use_hint=lambda uses: ngettext(
        "It was applied to %(count)s user; deviations from it can no longer be seen.",
        "It was applied to %(count)s users; deviations from it can no longer be seen.",
        uses,
    ),
    prefetch=("settings",),
)
