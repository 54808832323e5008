"""Which users must have a second factor, and from when: every login method, rule and side of a deadline."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import invitations.actions
import teams.actions
import users.actions
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from authentication import mfa
from authentication.mfa import actions
from authentication.mfa.actions import LastDeviceRequired
from authentication.mfa.status import annotate_two_factor
from authentication.models import AuthenticatorApp
from permissions import checks
from permissions.checks import Right
from permissions.effective import InactiveReason
from permissions.models import Team, TeamMember, TeamRight
from tests.helpers.invited_users import DETAILS, NUMBER, Invited, invite, token_of
from tests.helpers.mfa import give_app, signed_in
from tests.helpers.users import PASSWORD, actor, letter, make_user

pytestmark = pytest.mark.django_db
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 3, 19, 0, 30, tzinfo=AMSTERDAM)  # the 18th in UTC; the clock goes forward on the 29th
TODAY = NOW.date()
RULES = ["none", "user", "team", "managers", "everybody", "days"]
KINDS = list(LoginMethod)


def first_day(rule: str, kind: LoginMethod, is_new: bool) -> date | None:
    """Return the first day on which a user must have a second factor, computed from the policy texts."""
    if kind != LoginMethod.WEBSITE_SSO or rule == "none":
        return None
    if rule == "everybody":
        return date(2026, 3, 29)
    if rule == "days":  # five days; the rule was set on the 17th
        return date(2026, 3, 24) if is_new else date(2026, 3, 22)
    return date.min


def person(office: Provider, kind: LoginMethod, rule: str, is_new: bool) -> User:
    """Create a user to whom `rule` applies as far as the login method allows; new users have just signed in."""
    fields: dict[str, Any] = {"accepted_at": NOW if is_new else NOW - timedelta(days=400), "login_method": kind}
    if kind == LoginMethod.AZURE_AD:
        tenant = ExternalTenant.objects.create(
            provider=office, name="T", tenant_id=uuid4(), confirmed_at=NOW, confirmation_method="support"
        )
        fields |= {"password": "!", "external_tenant": tenant, "external_user_id": uuid4()}
    if kind == LoginMethod.WEBSITE_SSO:
        fields["two_factor_required"] = rule == "user"
    given = Right.VIEW_USERS if kind == LoginMethod.SSO_WEBSERVICE else Right.MANAGE_PROVIDER
    user = make_user(office, given, username="x", **fields)
    if rule == "team":
        team = Team.objects.create(provider=office, name="Salaris", two_factor_required=True)
        TeamMember.objects.create(provider=office, team=team, user=user)
    return user


def set_rule(office: Provider, rule: str) -> None:
    if rule == "managers":
        Provider.objects.filter(pk=office.pk).update(two_factor_managers=True)
    elif rule == "everybody":
        Provider.objects.filter(pk=office.pk).update(two_factor_from=date(2026, 3, 29))
    elif rule == "days":
        Provider.objects.filter(pk=office.pk).update(two_factor_days=5, two_factor_days_since=date(2026, 3, 17))


def sides(day: date | None) -> list[datetime]:
    """Return the last second before a day and its first second; arbitrary times if there is no future day."""
    if day is None or day == date.min:
        return [NOW, NOW + timedelta(days=100)]
    midnight = datetime(day.year, day.month, day.day, tzinfo=AMSTERDAM)
    return [datetime.fromtimestamp(midnight.timestamp() - 1, AMSTERDAM), midnight]


def arrive(user: User, secret: bytes | None) -> Client:
    if secret is not None:
        return signed_in(user, secret)
    client = Client()
    client.force_login(user)
    return client


def check(user: User, day: date | None, secret: bytes | None) -> None:
    """Check that every entry point agrees with the day on what is accessible."""
    today = datetime.now(AMSTERDAM).date()
    is_closed = day is not None and secret is None and today >= day
    is_ahead = day is not None and secret is None and today < day
    user = User.objects.get(pk=user.pk)
    assert mfa.must_enroll(user) is is_closed
    assert mfa.get_enrollment_deadline(user) == (day if is_ahead else None)
    assert checks.has_right(user, Right.VIEW_USERS) is not is_closed
    assert bool(checks.effective_rights(user)) is not is_closed
    assert checks.get_inactive_reason(user) == (InactiveReason.TWO_FACTOR if is_closed else None)
    assert checks.two_factor_rules(user).due == day
    assert checks.two_factor_rules(user).is_required_today is (day is not None and today >= day)
    standing = annotate_two_factor(User.objects.filter(pk=user.pk)).values_list("two_factor", flat=True).get()
    if user.login_method != LoginMethod.WEBSITE_SSO:
        assert standing == ""
    else:
        assert standing == ("active" if secret else "not_required" if day is None else "missing")
    response = arrive(user, secret).get("/profiel/")
    if is_closed:
        assert response["Location"] == "/profiel/twee-factor/?next=%2Fprofiel%2F"
    else:
        assert response.status_code == 200
        assert ("Stel two-factor in vóór" in response.text) is is_ahead


@pytest.mark.slow
@pytest.mark.parametrize("has_device", [False, True])
@pytest.mark.parametrize("is_new", [False, True])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_check_agrees_on_both_sides(
    office: Provider, kind: LoginMethod, rule: str, is_new: bool, has_device: bool
) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        user, secret = person(office, kind, rule, is_new), None
        if has_device and kind == LoginMethod.WEBSITE_SSO:
            secret = give_app(user)
        set_rule(office, rule)
        day = first_day(rule, kind, is_new)
        for moment in sides(day):
            clock.move_to(moment)
            AuthenticatorApp.objects.update(last_step=0)
            check(user, day, secret)


def test_the_strictest_rule_counts_and_all_are_named(office: Provider) -> None:
    with time_machine.travel(NOW, tick=False):
        user = person(office, LoginMethod.WEBSITE_SSO, "none", is_new=True)
        Provider.objects.update(two_factor_from=date(2026, 3, 29), two_factor_days=5, two_factor_days_since=TODAY)
        assert mfa.get_enrollment_deadline(user) == date(2026, 3, 24)
        client = arrive(user, None)
        for page in (f"/gebruikers/{user.pk}/", "/profiel/twee-factor/"):
            text = client.get(page).text
            assert "iedereen vanaf 29 maart 2026" in text
            assert "5 dagen na de eerste keer inloggen" in text
            assert "vanaf 24 maart 2026" in text
        assert "vanaf 24-03-2026" in client.get("/gebruikers/").text
        Provider.objects.update(two_factor_managers=True)
        assert mfa.must_enroll(User.objects.get(pk=user.pk))
        assert "van wie het kantoor beheert" in client.get("/profiel/twee-factor/").text


def test_a_team_can_make_a_user_a_manager(office: Provider, bob: User) -> None:
    set_rule(office, "managers")
    team = Team.objects.create(provider=office, name="Beheer")
    TeamMember.objects.create(provider=office, team=team, user=bob)
    assert not mfa.must_enroll(bob)
    TeamRight.objects.create(provider=office, team=team, right=Right.MANAGE_PROVIDER)
    assert mfa.must_enroll(User.objects.get(pk=bob.pk))


def test_an_invited_person_waits_for_nothing_but_accepting(office: Provider, alice: User) -> None:
    set_rule(office, "days")
    user = invite(alice).invitation.user
    assert mfa.get_enrollment_deadline(user) is None
    assert not checks.two_factor_rules(user)
    Provider.objects.update(two_factor_from=date(2026, 3, 1))
    assert mfa.must_enroll(User.objects.get(pk=user.pk))


def test_the_last_device_may_go_until_the_day(office: Provider, bob: User) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        set_rule(office, "everybody")
        give_app(bob)
        actions.remove_device(bob, AuthenticatorApp.objects.get().pk, by=actor(bob))
        give_app(bob)
        clock.move_to(datetime(2026, 3, 29, tzinfo=AMSTERDAM))
        with pytest.raises(LastDeviceRequired):
            actions.remove_device(bob, AuthenticatorApp.objects.get().pk, by=actor(bob))


def test_a_session_that_was_open_closes_when_the_day_comes(office: Provider, bob: User) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        set_rule(office, "everybody")
        clock.move_to(datetime(2026, 3, 28, 23, 59, 59, tzinfo=AMSTERDAM))
        client = arrive(bob, None)
        assert client.get("/").status_code == 200
        clock.shift(1)
        assert client.get("/")["Location"] == "/profiel/twee-factor/?next=%2F"
        assert client.post("/profiel/")["Location"] == "/profiel/twee-factor/"


def test_a_new_office_asks_it_of_who_manages_it(db: None) -> None:
    office = users.actions.create_provider("Nieuw", by=actor())
    first = make_user(office, Right.MANAGE_PROVIDER, username="eerste")
    assert mfa.must_enroll(first)
    assert not mfa.must_enroll(make_user(office, Right.VIEW_USERS, username="tweede"))
    assert not mfa.must_enroll(person(office, LoginMethod.AZURE_AD, "none", is_new=True))


def test_the_mail_speaks_of_it_whichever_rule_asks(office: Provider) -> None:
    team = Team.objects.create(provider=office, name="Streng", two_factor_required=True)

    two_factor_paragraph = "Inloggen gaat met two-factor authenticatie."

    def mail(**given: Any) -> str:
        user = invitations.actions.invite_user(office, details=DETAILS, mobile_number=NUMBER, by=actor(), **given)
        return letter(user.invitation.message)

    assert two_factor_paragraph not in mail()
    assert two_factor_paragraph in mail(
        assign_initial_access=lambda user: teams.actions.change_members(team, add=[user], by=actor())
    )
    Provider.objects.filter(pk=office.pk).update(two_factor_from=timezone.localdate() + timedelta(days=1))
    assert two_factor_paragraph not in mail()
    Provider.objects.filter(pk=office.pk).update(two_factor_from=timezone.localdate())
    assert two_factor_paragraph in mail()


def test_the_first_administrator_sets_it_up_as_a_step_of_accepting(db: None) -> None:
    office = users.actions.create_provider("Nieuw", by=actor())
    user = invitations.actions.invite_user(office, details=DETAILS, mobile_number=NUMBER, by=actor())
    teams.actions.set_individual_rights(user, [Right.MANAGE_PROVIDER], by=actor())
    invited = Invited(user.invitation, token_of(user.invitation), Client())
    invited.client.get(reverse("invitations:open_link", args=[invited.token]))
    assert invited.client.get("/uitnodiging/").context["two_factor"]
    invited.prove()
    response = invited.post("create_account", username="eerste", password=PASSWORD, password_again=PASSWORD)
    response = invited.client.get(response["Location"])
    assert response["Location"].startswith("/profiel/twee-factor/")
    assert invited.client.get(response["Location"]).context["accepting"]
    office.refresh_from_db()
    assert office.established_at is not None
    user = User.objects.get(pk=user.pk)
    assert not checks.has_right(user, Right.MANAGE_PROVIDER)
    give_app(user)
    assert checks.has_right(user, Right.MANAGE_PROVIDER)


@pytest.mark.parametrize(
    "wrong",
    [
        {"two_factor_days": 0, "two_factor_days_since": TODAY},
        {"two_factor_days": 91, "two_factor_days_since": TODAY},
        {"two_factor_days": 5},
        {"two_factor_days_since": TODAY},
    ],
)
def test_the_database_takes_no_half_policy(office: Provider, wrong: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Provider.objects.filter(pk=office.pk).update(**wrong)
