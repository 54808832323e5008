"""Changes to who may do what."""

from collections.abc import Iterable

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actions import lock_provider
from accounts.models import LoginMethod, User
from audit.actions import record
from audit.actors import Actor
from audit.models import Verb
from teams import rights
from teams.models import IndividualRight
from teams.rights import Right


@transaction.atomic
def set_individual_rights(user: User, wanted: Iterable[Right], *, by: Actor) -> None:
    """Make `wanted` the individual rights of `user`.

    Raises PermissionDenied when the actor lacks grant_rights, changes himself, or gives or takes what he does not hold
    (design section 4, rule 5); LastAdministrator when nobody would be left to manage the office (rule 6).
    """
    rights.require(by, Right.GRANT_RIGHTS)
    if by.user is not None and by.user.pk == user.pk:
        raise PermissionDenied(_("You cannot change your own rights. Ask another administrator."))
    provider = lock_provider(user.provider_id)
    held = rights.individual_rights(user)
    given, taken = set(wanted) - held, held - set(wanted)
    if not given | taken:
        return
    if not by.is_operator and (by.user is None or by.user.provider_id != provider.pk):
        raise PermissionDenied(_("This person is not of your office."))
    if not rights.can_give(by, given | taken):
        raise PermissionDenied(_("You can only give or take rights that you hold yourself."))
    if Right.MANAGE_PROVIDER in given and user.login_method == LoginMethod.SSO_WEBSERVICE:
        raise PermissionDenied(_("An SSO/Webservice user cannot manage the office."))
    IndividualRight.objects.bulk_create(IndividualRight(provider=provider, user=user, right=right) for right in given)
    user.individual_rights.filter(right__in=taken).delete()
    if Right.MANAGE_PROVIDER in taken:
        rights.require_administrator(provider)
    changes: dict[str, list[str | None]] = {right.value: [None, "given"] for right in given}
    changes |= {right.value: ["given", None] for right in taken}
    record(Verb.RIGHTS_CHANGED, user, by=by, provider_id=provider.pk, changes=changes)
