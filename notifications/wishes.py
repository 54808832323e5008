"""Who wants which signals: the office by default, each person where he deviates from it. Answers only."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Provider, User
from notifications.catalogue import SignalType, known
from notifications.models import SignalSet, SignalSetting


class Wish(NamedTuple):
    """What somebody gets of one type: whether at all, how many days from the event, and whether by mail too."""

    is_on: bool
    days: int
    mail: bool


class Own(NamedTuple):
    """In what somebody deviates from the office for one type; a part that is None follows it."""

    is_on: bool | None = None
    days: int | None = None
    mail: bool | None = None

    def __bool__(self) -> bool:
        return self != (None, None, None)

    def over(self, office: Wish) -> Wish:
        """Return what this makes of the wish of the office."""
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
    """Return the wishes of the office with `owns` in their place."""
    return {type_: owns.get(type_, Own()).over(wish) for type_, wish in office.items()}


def office_wishes(provider: Provider | UUID) -> Wishes:
    """Return what the office wants for everybody (Signaal AK), for every type. One query."""
    return over(read(SignalSetting.objects.filter(provider=provider, user=None, signal_set=None)), STANDARD)


def own_wishes(user: User) -> Owns:
    """Return in what `user` deviates from the office, by type. One query."""
    return read(SignalSetting.objects.filter(provider=user.provider_id, user=user))


def wishes_of(user: User) -> Wishes:
    """Return what `user` gets, for every type. Two queries."""
    return over(own_wishes(user), office_wishes(user.provider))


def contents(signal_set: SignalSet) -> Wishes:
    """Return what is in a set, by type. One query, none where the settings were prefetched."""
    return {type_: own.over(STANDARD[type_]) for type_, own in read(signal_set.settings.all()).items()}


def stamp(wishes: Mapping[SignalType, Wish | Own]) -> str:
    """Return `wishes` as one line, by which a page notices that another changed them meanwhile."""
    plain = {None: "", True: "y", False: "n"}
    return ",".join(
        f"{type_}:{plain[wish.is_on]}:{'' if wish.days is None else wish.days}:{plain[wish.mail]}"
        for type_, wish in wishes.items()
        if wish
    )


def words(type_: SignalType, wish: Wish) -> str:
    """Return a wish as people say it: 'off', or when it comes and how."""
    if not wish.is_on:
        return _("off")
    if not wish.days:
        when = _("on the day")
    elif type_.after:
        when = ngettext("%(count)s day after", "%(count)s days after", wish.days) % {"count": wish.days}
    else:
        when = ngettext("%(count)s day before", "%(count)s days before", wish.days) % {"count": wish.days}
    return _("%(when)s, by mail too") % {"when": when} if wish.mail else when
