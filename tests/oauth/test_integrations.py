"""The integrations that a user allowed: one's own, and those of a colleague."""

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from accounts.models import User
from audit.models import Event, Verb
from oauth import consents
from oauth.models import AccessToken, Application, Consent, annotate_has_integrations
from permissions.checks import Right
from tests.helpers.access_tokens import bearing, token_of
from tests.helpers.users import actor, make_user
from tests.oauth.test_authorization_code import make_application

pytestmark = pytest.mark.django_db
OWN = "/profiel/koppelingen/"


@pytest.fixture
def program(alice: User) -> Application:
    return make_application(alice)


@pytest.fixture
def consent(bob: User, program: Application) -> Consent:
    return consents.grant_consent(bob, program, scopes=["openid", "users:read"], by=actor(bob))


def test_one_sees_and_cuts_ones_own(bob_client: Client, bob: User, program: Application, consent: Consent) -> None:
    headers = bearing(token_of(bob, "openid", application=program))
    page = bob_client.get(OWN)
    assert "Portaal" in page.text
    assert "Weten dat jij het bent" in page.text
    assert bob_client.post(f"{OWN}{consent.pk}/beeindigen/")["Location"] == OWN
    assert Client().get("/oauth/userinfo/", headers=headers).status_code == 401
    assert not Consent.objects.exists()
    assert not AccessToken.objects.exists()
    bob_client.post(f"{OWN}{consent.pk}/beeindigen/")
    event = Event.objects.get(verb=Verb.CONSENT_ENDED)
    assert (event.actor_id, event.target_id) == (bob.pk, bob.pk)
    assert event.changes.keys() == {"integration", "integration_id"}
    assert event.changes["integration"] == ["Portaal", None]
    assert "Die koppeling was al beëindigd." in bob_client.get(OWN).text


def test_an_administrator_sees_and_cuts_those_of_a_colleague(
    alice_client: Client, alice: User, bob: User, consent: Consent
) -> None:
    url = f"/gebruikers/{bob.pk}/koppelingen/"
    assert "Portaal" in alice_client.get(url).text
    assert url in alice_client.get(f"/gebruikers/{bob.pk}/").text
    assert alice_client.post(f"{url}{consent.pk}/beeindigen/")["Location"] == url
    assert not Consent.objects.exists()
    assert Event.objects.get(verb=Verb.CONSENT_ENDED).actor_id == alice.pk
    assert url not in alice_client.get(f"/gebruikers/{bob.pk}/").text


def test_strangers_find_nothing(charlie_client: Client, bob: User, alice: User, consent: Consent) -> None:
    assert charlie_client.get(f"/gebruikers/{bob.pk}/koppelingen/").status_code == 404
    assert charlie_client.post(f"/gebruikers/{bob.pk}/koppelingen/{consent.pk}/beeindigen/").status_code == 404
    charlie_client.post(f"{OWN}{consent.pk}/beeindigen/")
    assert Consent.objects.exists()


def test_a_colleague_without_the_right_may_not(bob_client: Client, alice: User, program: Application) -> None:
    theirs = consents.grant_consent(alice, program, scopes=["openid"], by=actor(alice))
    assert bob_client.get(f"/gebruikers/{alice.pk}/koppelingen/").status_code == 403
    assert bob_client.post(f"/gebruikers/{alice.pk}/koppelingen/{theirs.pk}/beeindigen/").status_code == 403
    bob_client.post(f"{OWN}{theirs.pk}/beeindigen/")
    assert Consent.objects.exists()


def test_nor_one_with_fewer_rights(alice: User, program: Application) -> None:
    helper = make_user(alice.provider, Right.MANAGE_USERS, username="hulp")
    theirs = consents.grant_consent(alice, program, scopes=["openid"], by=actor(alice))
    client = Client()
    client.force_login(helper)
    assert client.get(f"/gebruikers/{alice.pk}/koppelingen/").status_code == 403
    with pytest.raises(PermissionDenied):
        consents.revoke_consent(alice, theirs.pk, by=actor(helper))


def test_an_integration_of_another_is_not_cut_by_the_wrong_address(
    alice_client: Client, alice: User, bob: User, consent: Consent
) -> None:
    assert alice_client.post(f"{OWN}{consent.pk}/beeindigen/").status_code == 302
    assert Consent.objects.exists()
    assert alice_client.get(f"/gebruikers/{alice.pk}/koppelingen/")["Location"] == OWN


def test_agreeing_again_adds_and_says_so_once(bob: User, program: Application, consent: Consent) -> None:
    consents.grant_consent(bob, program, scopes=["openid"], by=actor(bob))
    consents.grant_consent(bob, program, scopes=["sso"], by=actor(bob))
    assert Consent.objects.get().scopes == ["openid", "users:read", "sso"]
    changes = [event.changes["scopes"] for event in Event.objects.filter(verb=Verb.CONSENT_GIVEN).order_by("id")]
    assert changes == [[[], ["openid", "users:read"]], [["openid", "users:read"], ["openid", "users:read", "sso"]]]


def test_users_are_annotated_with_has_integrations(alice: User, bob: User, consent: Consent) -> None:
    found = dict(
        annotate_has_integrations(User.objects.filter(provider=bob.provider)).values_list("pk", "has_integrations")
    )
    assert found == {alice.pk: False, bob.pk: True}
