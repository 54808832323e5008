"""The office's two-factor policy: impact preview and change."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ExternalTenant, LoginMethod, Provider, User
from audit.models import Event
from authentication import mfa
from authentication.mfa import office_policy
from authentication.mfa.office_policy import MfaPolicy, PolicyImpactChanged, PolicyRefused
from core.errors import EditConflict
from outbox.models import Message
from permissions.checks import LastAdministrator, Right
from tests.helpers.invited_users import invite
from tests.helpers.mfa import give_app, signed_in
from tests.helpers.users import PASSWORD, actor, confirm_now, make_user

pytestmark = pytest.mark.django_db
URL = "/kantoor/twee-factor/"
OFF = MfaPolicy(two_factor_managers=False, two_factor_from=None, two_factor_days=None)
MANAGERS = MfaPolicy(two_factor_managers=True, two_factor_from=None, two_factor_days=None)


def from_day(day: date) -> MfaPolicy:
    return MfaPolicy(two_factor_managers=False, two_factor_from=day, two_factor_days=None)


def in_days(days: int) -> date:
    return timezone.localdate() + timedelta(days=days)


@pytest.fixture
def admin(alice: User) -> Client:
    """Alice's browser, with the password entered just now."""
    client = Client()
    client.post("/inloggen/", {"username": "alice", "password": PASSWORD})
    return client


def address(version: int = 1, **wanted: Any) -> str:
    return f"{URL}gevolgen/?" + urlencode({"version": version} | wanted)


def confirm(client: Client, where: str) -> Any:
    """Preview the impact and confirm it."""
    return client.post(where, {"seen": client.get(where).context["impact"].fingerprint})


def set_policy(office: Provider, policy: MfaPolicy, by: User | None) -> MfaPolicy:
    """Preview and confirm in one step."""
    fresh = Provider.objects.get(pk=office.pk)
    fingerprint = office_policy.compute_impact(
        fresh, policy.with_start_date(MfaPolicy.from_provider(fresh))
    ).fingerprint
    return office_policy.change_policy(fresh, policy, version=fresh.version, fingerprint=fingerprint, by=actor(by))


def names(people: Any) -> list[str]:
    return [person.username for person in people]


def test_policy_page_needs_the_right(bob_client: Client, bob: User, office: Provider) -> None:
    assert bob_client.get(URL).status_code == 403
    assert bob_client.get(address()).status_code == 403
    assert bob_client.post(address(two_factor_managers="on")).status_code == 403
    with pytest.raises(PermissionDenied):
        set_policy(office, MANAGERS, bob)


def test_another_office_is_not_touched_and_not_seen(admin: Client, charlie: User, alice: User) -> None:
    page = admin.get(address(two_factor_managers="on"))
    assert names(page.context["impact"].newly_required) == ["alice"]
    assert confirm(admin, address(two_factor_managers="on")).status_code == 302
    assert not Provider.objects.get(pk=charlie.provider_id).two_factor_managers
    with pytest.raises(PermissionDenied):
        set_policy(charlie.provider, MANAGERS, alice)


def test_strangers_sign_in_first(client: Client) -> None:
    assert client.get(URL)["Location"].startswith("/inloggen/")
    assert client.get(address())["Location"].startswith("/inloggen/")


def test_policy_page_asks_for_a_recent_confirmation_and_comes_back(alice_client: Client) -> None:
    confirm_now(alice_client, seconds_ago=1801)
    where = address(two_factor_managers="on")
    assert alice_client.get(where)["Location"] == f"/bevestigen/?{urlencode({'next': where})}"
    assert alice_client.post("/bevestigen/", {"current_password": PASSWORD, "next": where})["Location"] == where
    assert alice_client.get(where).status_code == 200


def test_policy_page_shows_by_name_and_changes_nothing_until_confirmed(
    admin: Client, bob: User, office: Provider
) -> None:
    give_app(make_user(office, Right.MANAGE_PROVIDER, username="heeft"))
    where = address(two_factor_managers="on", two_factor_from=in_days(9))
    page = admin.get(where)
    shown = page.context["impact"]
    assert names(shown.newly_required) == ["bob", "alice"]
    assert [person.new_due for person in shown.newly_required] == [in_days(9), date.min]
    assert (shown.newly_required_count, shown.invited_count, shown.released_count) == (2, 0, 0)
    assert "Bakker, B." in page.text
    assert "direct" in page.text
    assert "dit ben jij" in page.text
    office.refresh_from_db()
    assert MfaPolicy.from_provider(office) == OFF
    assert not Event.objects.filter(verb="provider_changed").exists()
    assert confirm(admin, where)["Location"] == URL
    office.refresh_from_db()
    assert (office.two_factor_managers, office.two_factor_from, office.version) == (True, in_days(9), 2)
    event = Event.objects.get(verb="provider_changed")
    assert event.changes == {"two_factor_managers": [False, True], "two_factor_from": [None, in_days(9).isoformat()]}
    assert admin.get(URL)["Location"].startswith("/profiel/twee-factor/")


@pytest.mark.slow
def test_confirming_something_else_than_was_shown_is_refused(admin: Client, bob: User, office: Provider) -> None:
    where = address(two_factor_from=in_days(9))
    fingerprint = admin.get(where).context["impact"].fingerprint
    wrong = ["", "x", "\x00", admin.get(address(two_factor_from=in_days(8))).context["impact"].fingerprint]
    for value in wrong:
        assert admin.post(where, {"seen": value}).status_code == 409
    make_user(office, username="erbij")
    response = admin.post(where, {"seen": fingerprint})
    assert response.status_code == 409
    assert "intussen veranderd" in response.text
    assert "erbij" in names(response.context["impact"].newly_required)
    office.refresh_from_db()
    assert MfaPolicy.from_provider(office) == OFF
    assert admin.post(where, {"seen": response.context["impact"].fingerprint}).status_code == 302


def test_who_sets_it_up_meanwhile_changes_what_was_shown(office: Provider, alice: User, bob: User) -> None:
    fingerprint = office_policy.compute_impact(office, from_day(in_days(9))).fingerprint
    give_app(bob)
    with pytest.raises(PolicyImpactChanged):
        office_policy.change_policy(office, from_day(in_days(9)), version=1, fingerprint=fingerprint, by=actor(alice))


def test_another_administrator_was_first(admin: Client, office: Provider) -> None:
    where = address(two_factor_from=in_days(9))
    page = admin.get(where)  # the policy applies to alice too, and the submitted one would be weaker
    Provider.objects.update(two_factor_days=5, two_factor_days_since=in_days(0), version=2)
    response = admin.post(where, {"seen": page.context["impact"].fingerprint})
    form = response.context["form"]
    assert response.status_code == 200
    assert form["version"].value() == "2"
    assert "Nu opgeslagen: 5." in response.text
    office.refresh_from_db()
    assert office.two_factor_from is None


def test_a_double_click_is_one_change(admin: Client) -> None:
    where = address(two_factor_from=in_days(9))
    fingerprint = admin.get(where).context["impact"].fingerprint
    for _click in range(2):
        assert admin.post(where, {"seen": fingerprint})["Location"] == URL
    assert Event.objects.filter(verb="provider_changed").count() == 1
    assert admin.get(where)["Location"] == URL  # the back button


@pytest.mark.django_db(transaction=True)
def test_of_two_administrators_at_once_one_is_told(office: Provider, alice: User) -> None:
    other = make_user(office, Right.MANAGE_PROVIDER, username="twee")

    def work(policy: MfaPolicy, by: User) -> Any:
        try:
            fingerprint = office_policy.compute_impact(office, policy).fingerprint
            return office_policy.change_policy(office, policy, version=1, fingerprint=fingerprint, by=actor(by))
        except EditConflict as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(work, from_day(in_days(9)), alice)
        second = pool.submit(work, from_day(in_days(8)), other)
    assert sum(isinstance(one.result(), EditConflict) for one in (first, second)) == 1
    assert Event.objects.filter(verb="provider_changed").count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("two_factor_from", "gisteren"), ("two_factor_from", "2026-02-30"), ("two_factor_from", "\x00"),
     ("two_factor_from", "2020-01-01"), ("two_factor_days", "0"), ("two_factor_days", "91"),
     ("two_factor_days", "vijf"), ("two_factor_days", "-1"), ("version", "-1"), ("version", "")],
)  # fmt: skip
def test_policy_page_refuses_bad_input(admin: Client, field: str, value: str, office: Provider) -> None:
    where = address(**{"two_factor_days": "5", field: value})
    for response in (admin.get(where), admin.post(where, {"seen": "x"})):
        assert field in response.context["form"].errors
    office.refresh_from_db()
    assert MfaPolicy.from_provider(office) == OFF


def test_an_address_without_a_policy_is_the_form(admin: Client) -> None:
    assert admin.get(f"{URL}gevolgen/").context["form"].errors


def test_a_day_that_was_there_may_have_passed(admin: Client, office: Provider, alice: User) -> None:
    Provider.objects.update(two_factor_from=in_days(-9))
    response = signed_in(alice, give_app(alice)).get(address(two_factor_from=in_days(-9), two_factor_days=3))
    assert response.context["impact"].newly_required_count == 0


def test_days_count_from_the_day_they_are_set_for_who_is_in_already(office: Provider, alice: User, bob: User) -> None:
    User.objects.update(accepted_at=timezone.now() - timedelta(days=300))
    three = MfaPolicy(two_factor_managers=False, two_factor_from=None, two_factor_days=3)
    with time_machine.travel(datetime(2026, 3, 2, 12, tzinfo=timezone.get_current_timezone()), tick=False) as clock:
        assert set_policy(office, three, alice).two_factor_days_since == date(2026, 3, 2)
        assert mfa.get_enrollment_deadline(User.objects.get(pk=bob.pk)) == date(2026, 3, 5)
        clock.shift(timedelta(days=1))
        both = MfaPolicy(two_factor_managers=False, two_factor_from=date(2026, 4, 1), two_factor_days=3)
        assert set_policy(office, both, alice).two_factor_days_since == date(2026, 3, 2)
        give_app(alice)
        alice.refresh_from_db()
        nine = MfaPolicy(two_factor_managers=False, two_factor_from=None, two_factor_days=9)
        assert set_policy(office, nine, alice).two_factor_days_since == date(2026, 3, 3)
        assert set_policy(office, OFF, alice).two_factor_days_since is None


def test_policy_page_names_who_could_be_left_outside(admin: Client, office: Provider) -> None:
    now = timezone.now()
    make_user(office, username="net", last_login=now)
    make_user(office, username="lang", last_login=now - timedelta(days=91))
    make_user(office, username="nooit")
    lost = make_user(office, username="kwijt", last_login=now)
    found = make_user(office, username="terecht", last_login=now)
    for user, state in ((lost, "sent"), (lost, "bounced"), (found, "failed"), (found, "sent")):
        Message.objects.create(
            provider_id=office.pk, user_id=user.pk, channel="mail", kind="x", state=state, recipient="x@x.example"
        )
    page = admin.get(address(two_factor_from=in_days(9)))
    shown = page.context["impact"]
    assert page.text.count("de laatste mail kwam niet aan") == 1
    assert set(names(shown.hard_to_reach)) == {"lang", "nooit", "kwijt"}
    assert (shown.hard_to_reach_count, shown.newly_required_count) == (3, 6)


def test_only_who_can_sign_in_is_named_and_the_invited_are_counted(
    admin: Client, office: Provider, alice: User
) -> None:
    tenant = ExternalTenant.objects.create(
        provider=office, name="T", tenant_id=uuid4(), confirmed_at=timezone.now(), confirmation_method="support"
    )
    make_user(office, username="azure", login_method=LoginMethod.AZURE_AD, password="!", external_tenant=tenant,
              external_user_id=uuid4())  # fmt: skip
    make_user(office, username="machine", login_method=LoginMethod.SSO_WEBSERVICE)
    make_user(office, username="dicht", blocked_at=timezone.now())
    make_user(office, username="weg", access_until=in_days(-1))
    make_user(office, username="moet al", two_factor_required=True)
    invite(alice)
    shown = admin.get(address(two_factor_from=in_days(0))).context["impact"]
    assert (names(shown.newly_required), shown.invited_count) == (["alice"], 1)


@pytest.mark.slow
def test_many_are_shown_in_part_and_counted_in_full_with_a_fixed_number_of_queries(
    admin: Client, office: Provider
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            admin.get(address(two_factor_from=in_days(9)))
        return len(captured)

    few = queries()
    for number in range(office_policy.MAX_LISTED_USERS + 20):
        make_user(office, username=f"u{number}")
    page = admin.get(address(two_factor_from=in_days(9)))
    shown = page.context["impact"]
    assert (len(shown.newly_required), shown.newly_required_count) == (100, 121)
    assert (len(shown.hard_to_reach), shown.hard_to_reach_count) == (100, 120)
    assert "De eerste 100 van 121, op naam." in page.text
    assert queries() == few


def test_an_office_without_an_administrator_who_can_sign_in_gets_no_policy(admin: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(access_until=in_days(5))
    where = address(two_factor_managers="on")
    page = admin.get(where)
    assert page.status_code == 409
    assert str(LastAdministrator(in_days(5))) in page.text
    assert admin.post(where, {"seen": page.context["impact"].fingerprint}).status_code == 409
    assert not Provider.objects.get(pk=alice.provider_id).two_factor_managers


def test_an_administrator_who_still_has_to_set_it_up_counts(admin: Client, alice: User, office: Provider) -> None:
    assert confirm(admin, address(two_factor_managers="on", two_factor_from=in_days(0))).status_code == 302
    fresh = User.objects.get(pk=alice.pk)
    assert mfa.must_enroll(fresh)
    give_app(fresh)
    assert set_policy(office, OFF, fresh) == OFF


@pytest.mark.slow
def test_administrators_cannot_lift_their_own_requirement(admin: Client, alice: User, office: Provider) -> None:
    set_policy(office, from_day(in_days(9)), alice)
    for wanted in ({}, {"two_factor_from": in_days(10)}, {"two_factor_days": 12}):
        where = address(version=2, **wanted)
        page = admin.get(where)
        assert page.status_code == 409
        assert admin.post(where, {"seen": page.context["impact"].fingerprint}).status_code == 409
    with pytest.raises(PolicyRefused):
        set_policy(office, OFF, alice)
    assert set_policy(office, from_day(in_days(8)), alice) == from_day(in_days(8))
    give_app(alice)
    alice.refresh_from_db()
    assert set_policy(office, OFF, alice) == OFF


def test_who_is_not_bound_may_loosen_it(office: Provider, alice: User) -> None:
    set_policy(office, from_day(in_days(9)), alice)
    tenant = ExternalTenant.objects.create(
        provider=office, name="T", tenant_id=uuid4(), confirmed_at=timezone.now(), confirmation_method="support"
    )
    azure = make_user(office, Right.MANAGE_PROVIDER, username="azure", login_method=LoginMethod.AZURE_AD, password="!",
                      external_tenant=tenant, external_user_id=uuid4())  # fmt: skip
    shown = office_policy.compute_impact(Provider.objects.get(pk=office.pk), OFF)
    assert (shown.newly_required_count, shown.released_count) == (0, 1)
    assert set_policy(office, OFF, azure) == OFF
    assert set_policy(office, MANAGERS, None) == MANAGERS


def test_a_form_without_token_changes_nothing(admin: Client) -> None:
    where = address(two_factor_from=in_days(9))
    fingerprint = admin.get(where).context["impact"].fingerprint
    admin.handler.enforce_csrf_checks = True
    assert admin.post(where, {"seen": fingerprint}).status_code == 403
