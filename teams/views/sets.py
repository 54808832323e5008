"""Pages of authorization sets."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from permissions import checks
from permissions.models import AuthorizationSet
from permissions.views import SetPages
from teams import sets
from teams.forms.sets import AuthorizationSetForm
from teams.views.undo import add_undo_message

SET_PAGES = SetPages(
    namespace="teams",
    model=AuthorizationSet,
    build_form=lambda request, instance: AuthorizationSetForm(
        request.POST or None, givable=checks.get_grantable_rights(request.user), instance=instance
    ),
    create=sets.create_set,
    update=sets.update_set,
    delete=sets.delete_set,
    list_uses=sets.list_set_deviations,
    count_contents=lambda authorization_set: len(authorization_set.rights),
    title=_("Authorization sets"),
    new_title=_("New set"),
    contents_label=_("Rights"),
    explanation=_("A set is a bundle of rights that you copy to a team or user. Copying only adds rights."),
    report_saved=add_undo_message,
    change_hint=_("Changing the set does not grant or revoke any rights until you apply it again."),
    delete_hint=_("The set is deleted; no user loses any rights."),
    use_hint=lambda uses: ngettext(
        "It was applied to %(count)s team or user; deviations from it can no longer be seen.",
        "It was applied to %(count)s teams and users; deviations from it can no longer be seen.",
        uses,
    ),
)
