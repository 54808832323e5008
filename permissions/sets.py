"""What authorization sets and notification sets share: named bundles of an office that are copied to teams or users."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from accounts.models import Provider, User
from audit.actions import record
from audit.actors import Actor
from audit.changes import Changes
from audit.models import Verb
from core.errors import EditConflict
from permissions.action_helpers import lock_and_authorize, require_free_name
from permissions.checks import Right
from permissions.models import OfficeSet, Team

SetT = TypeVar("SetT", bound=OfficeSet)
ContentsT = TypeVar("ContentsT")


@dataclass(frozen=True)
class SetType(Generic[SetT, ContentsT]):
    """A type of set: its model, its audit events, and how contents are stored.

    `replace_contents` stores contents in a locked set and returns the changes for the event. Copies of a set stay
    unchanged, whatever happens to the set.
    """

    model: type[SetT]
    created: Verb
    changed: Verb
    deleted: Verb
    replace_contents: Callable[[SetT, ContentsT, Actor], Changes]

    def create(self, provider: Provider, name: str, contents: ContentsT, by: Actor) -> SetT:
        """Create a set. Raises PermissionDenied without manage_sets, ValidationError (field name, code "taken")."""
        provider = lock_and_authorize(provider.pk, by, Right.MANAGE_SETS)
        created = self.model(provider=provider, name=name)
        require_free_name(created, _("A set with this name already exists. Choose another name."))
        created.save(force_insert=True)
        changes: Changes = {"name": [None, name]} | self.replace_contents(created, contents, by)
        record(self.created, created, by=by, provider_id=provider.pk, changes=changes)
        return created

    def update(self, office_set: SetT, name: str, contents: ContentsT, version: int, by: Actor) -> None:
        """Update a set. Raises as `create`, and EditConflict if it is deleted or no longer at `version`."""
        stored = self._lock(office_set, version, by)
        changes: Changes = {} if stored.name == name else {"name": [stored.name, name]}
        changes |= self.replace_contents(stored, contents, by)
        if not changes:
            return
        stored.name, stored.version = name, version + 1
        require_free_name(stored, _("A set with this name already exists. Choose another name."))
        stored.save()
        record(self.changed, stored, by=by, provider_id=stored.provider_id, changes=changes)

    def delete(self, office_set: SetT, version: int, by: Actor, changes: Changes | None = None) -> None:
        """Delete a set; `changes` say what was in it. Raises EditConflict, PermissionDenied."""
        stored = self._lock(office_set, version, by)
        record(self.deleted, stored, by=by, provider_id=stored.provider_id, changes=changes)
        stored.delete()

    def lock_for(self, target: Team | User, office_set: SetT, right: Right, by: Actor) -> SetT:
        """Lock the office and reload the set. Raises EditConflict if deleted, PermissionDenied without `right`."""
        if office_set.provider_id != target.provider_id:
            raise PermissionDenied(_("This is not your office."))
        lock_and_authorize(target.provider_id, by, right)
        return self._reload(office_set)

    def _lock(self, office_set: SetT, version: int, by: Actor) -> SetT:
        lock_and_authorize(office_set.provider_id, by, Right.MANAGE_SETS)
        stored = self._reload(office_set)
        if stored.version != version:
            raise EditConflict
        return stored

    def _reload(self, office_set: SetT) -> SetT:
        stored = self.model._default_manager.filter(pk=office_set.pk).first()
        if stored is None:
            raise EditConflict
        return stored
