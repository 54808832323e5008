"""Notification preferences: defaults of the office, and overrides of each user. Queries only."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Provider, User
from notifications.catalogue import SignalType, known
from notifications.models import SignalSet, SignalSetting


class Wish(NamedTuple):
    """Preference for one type: on or off, days from the event, and whether by e-mail too."""

    is_on: bool
    days: int
    mail: bool


class Own(NamedTuple):
    """Override of the office's preference for one type; values of None follow the office."""

    is_on: bool | None = None
    days: int | None = None
    mail: bool | None = None

    def __bool__(self) -> bool:
        return self != (None, None, None)

    def over(self, office: Wish) -> Wish:
        """Return the preference of the office with this override applied."""
        return Wish(
            office.is_on if self.is_on is None else self.is_on,
            office.days if self.days is None else self.days,
            office.mail if self.mail is None else self.mail,
        )


Wishes = dict[SignalType, Wish]
Owns = dict[SignalType, Own]
STANDARD: Wishes = {type_: Wish(True, type_.days, False) for type_ in SignalType}


def read(rows: Iterable[SignalSetting]) -> Owns:
    parts = {row.type: Own(row.is_on, row.days, row.mail) for row in rows}
    return {type_: parts[type_] for type_ in known(parts)}


def over(owns: Owns, office: Wishes) -> Wishes:
    """Return the preferences of the office with `owns` applied."""
    return {type_: owns.get(type_, Own()).over(wish) for type_, wish in office.items()}


def office_wishes(provider: Provider | UUID) -> Wishes:
    """Return the office's preferences (Signaal AK), for every type. One query."""
    return over(read(SignalSetting.objects.filter(provider=provider, user=None, signal_set=None)), STANDARD)


def own_wishes(user: User) -> Owns:
    """Return the overrides of `user`, by type. One query."""
    return read(SignalSetting.objects.filter(provider=user.provider_id, user=user))


def wishes_of(user: User) -> Wishes:
    """Return the effective preferences of `user`, for every type. Two queries."""
    return over(own_wishes(user), office_wishes(user.provider))


def contents(signal_set: SignalSet) -> Wishes:
    """Return the preferences in a set, by type. One query, none when the settings are prefetched."""
    return {type_: own.over(STANDARD[type_]) for type_, own in read(signal_set.settings.all()).items()}


def stamp(wishes: Mapping[SignalType, Wish | Own]) -> str:
    """Return `wishes` as one line, to detect that they were changed meanwhile."""
    plain = {None: "", True: "y", False: "n"}
    return ",".join(
        f"{type_}:{plain[wish.is_on]}:{'' if wish.days is None else wish.days}:{plain[wish.mail]}"
        for type_, wish in wishes.items()
        if wish
    )


def words(type_: SignalType, wish: Wish) -> str:
    """Return a preference in words: 'off', or when and how."""
    if not wish.is_on:
        return _("off")
    if not wish.days:
        when = _("on the day")
    elif type_.after:
        when = ngettext("%(count)s day after", "%(count)s days after", wish.days) % {"count": wish.days}
    else:
        when = ngettext("%(count)s day before", "%(count)s days before", wish.days) % {"count": wish.days}
    return _("%(when)s, also by e-mail") % {"when": when} if wish.mail else when
