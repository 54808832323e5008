"""The session table contains nothing that opens a session."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.models import User
from authentication import actions
from authentication.session_store import SessionStore, hash_session_key
from tests.helpers.users import PASSWORD

pytestmark = pytest.mark.django_db


def test_the_table_does_not_hold_the_key(client: Client, alice: User) -> None:
    client.post("/inloggen/", {"username": "alice", "password": PASSWORD})
    key = client.cookies["sessionid"].value
    assert client.get("/profiel/").status_code == 200
    row = Session.objects.get()
    assert row.session_key == hash_session_key(key)
    assert key not in f"{row.session_key} {row.session_data} {row.get_decoded()}"


def test_what_the_table_holds_opens_nothing(alice_client: Client) -> None:
    thief = Client()
    thief.cookies["sessionid"] = Session.objects.get().session_key
    assert thief.get("/profiel/").status_code == 302


def test_session_store_keeps_changes_renews_and_deletes(db: None) -> None:
    store = SessionStore()
    store["a"] = 1
    store.save()
    key = store.session_key or ""
    assert store.exists(key)
    again = SessionStore(key)
    assert again["a"] == 1
    again["a"] = 2
    again.save()
    again.cycle_key()
    assert not store.exists(key)
    assert SessionStore(again.session_key)["a"] == 2
    again.flush()
    assert not Session.objects.exists()
    again.delete()


def test_an_expired_session_is_none_and_is_cleared(alice_client: Client) -> None:
    Session.objects.update(expire_date=timezone.now())
    assert alice_client.get("/profiel/").status_code == 302
    actions.delete_expired_data()
    assert not Session.objects.exists()


def test_more_expired_sessions_than_a_statement_names_are_cleared(
    alice_client: Client, bob_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authentication.session_store._CLEAR_BATCH_SIZE", 2)
    for _number in range(4):
        SessionStore().create()
    stays = SessionStore(bob_client.cookies["sessionid"].value)
    Session.objects.exclude(pk=hash_session_key(stays.session_key or "")).update(expire_date=timezone.now())
    assert Session.objects.count() == 6
    SessionStore.clear_expired()
    assert [session.pk for session in Session.objects.all()] == [hash_session_key(stays.session_key or "")]


@pytest.mark.parametrize("key", [r'"\000aaaaaaaaaa"', r'"\377aaaaaaaaaa"', "x" * 4000, "é" * 20, '"', "a"])
def test_a_forged_cookie_is_a_stranger(key: str) -> None:
    forged = Client(headers={"Cookie": f"sessionid={key}"})
    assert forged.get("/profiel/").status_code == 302
    assert forged.get("/inloggen/").status_code == 200
