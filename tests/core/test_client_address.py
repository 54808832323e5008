"""The network address of the client, behind proxies and without them."""

import pytest
from django.test import Client, RequestFactory
from pytest_django import Settings

from accounts.models import User
from authentication.models import UserSession
from core.client_address import get_client_address
from tests.helpers.users import PASSWORD


@pytest.mark.parametrize(
    ("remote", "forwarded", "expected"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # no proxy of ours, so ignored
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),  # the earlier address is a claim of the client
        ("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "not an address", ""),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("", "198.51.100.1", ""),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1:50123", "198.51.100.1"),  # as Azure Application Gateway writes it
        ("10.0.0.1", "198.51.100.1:50123, 10.0.0.2:443", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8::1]:50123", "2001:db8::1"),
        ("10.0.0.1", "[2001:db8::1]", "2001:db8::1"),
        ("10.0.0.1", "fe80::1%eth0", "fe80::1"),
        ("10.0.0.1", "198.51.100.1:x", ""),
        ("10.0.0.1", "[198.51.100.1", ""),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),  # of a socket for IPv4 and IPv6
        ("::ffff:203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("fe80::1%eth0", "", "fe80::1"),
    ],
)
def test_forwarded_for_counts_from_trusted_proxies_only(
    settings: Settings, remote: str, forwarded: str, expected: str
) -> None:
    settings.LOKET_TRUSTED_PROXIES = ["10.0.0.0/24"]
    request = RequestFactory().get("/", REMOTE_ADDR=remote, headers={"X-Forwarded-For": forwarded})
    assert get_client_address(request) == expected


def test_without_proxies_forwarded_for_is_ignored(settings: Settings) -> None:
    settings.LOKET_TRUSTED_PROXIES = []
    request = RequestFactory().get("/", REMOTE_ADDR="127.0.0.1", headers={"X-Forwarded-For": "6.6.6.6"})
    assert get_client_address(request) == "127.0.0.1"


@pytest.mark.parametrize(("remote", "status"), [("10.0.0.1", 200), ("203.0.113.9", 301), ("", 301)])
def test_forwarded_proto_counts_from_trusted_proxies_only(settings: Settings, remote: str, status: int) -> None:
    settings.LOKET_TRUSTED_PROXIES, settings.SECURE_SSL_REDIRECT = ["10.0.0.0/24"], True
    response = Client(REMOTE_ADDR=remote).get("/inloggen/", headers={"X-Forwarded-Proto": "https"})
    assert response.status_code == status


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["198.51.100.1:50123", "[2001:db8::1]:50123", "fe80::1%eth0"])
def test_users_sign_in_behind_any_proxy(settings: Settings, alice: User, address: str) -> None:
    settings.LOKET_TRUSTED_PROXIES = ["127.0.0.1"]
    headers = {"X-Forwarded-For": address}
    data = {"username": "alice", "password": PASSWORD}
    assert Client().post("/inloggen/", data, headers=headers).status_code == 302
    assert UserSession.objects.get().address in address
