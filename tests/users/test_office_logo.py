"""The logo of an office: upload, what is stored, where it is shown."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image, PngImagePlugin

from accounts.logos import MAX_UPLOAD_BYTES, OfficeLogo
from accounts.models import User
from audit.models import Event, Verb
from tests.helpers.invited_users import invite

PAGE = "/kantoor/logo/"


def draw(width: int = 600, height: int = 200, kind: str = "PNG", **options: object) -> SimpleUploadedFile:
    target = io.BytesIO()
    Image.new("RGB", (width, height), "#0b5394").save(target, kind, **options)
    return SimpleUploadedFile(f"logo.{kind.lower()}", target.getvalue())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_image_is_stored_as_a_small_png(alice_client: Client, alice: User, kind: str) -> None:
    response = alice_client.post(PAGE, {"logo": draw(kind=kind)}, follow=True)
    logo = OfficeLogo.objects.get(provider=alice.provider)
    assert (logo.width, logo.height) == (480, 160)
    assert f'src="/logo/{logo.digest}.png"' in response.content.decode()
    shown = Client().get(f"/logo/{logo.digest}.png")  # invited colleagues have not signed in
    assert shown["Content-Type"] == "image/png"
    assert "immutable" in shown["Cache-Control"]
    assert Image.open(io.BytesIO(shown.content)).size == (480, 160)
    (event,) = Event.objects.filter(verb=Verb.PROVIDER_CHANGED)
    assert event.what["changes"] == {"logo": [None, logo.digest]}


def test_only_pixels_are_kept(alice_client: Client, alice: User) -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", "Piet Geheim")
    file = draw(pnginfo=notes, icc_profile=b"profile" * 1000)
    assert b"Piet Geheim" in file.read()
    file.seek(0)
    alice_client.post(PAGE, {"logo": SimpleUploadedFile("logo.png", file.read() + b"<script>alert(1)</script>")})
    stored = bytes(OfficeLogo.objects.get(provider=alice.provider).png)
    assert b"Piet" not in stored
    assert b"script" not in stored
    assert b"iCCP" not in stored


@pytest.mark.parametrize(
    ("file", "answer"),
    [
        (SimpleUploadedFile("logo.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "Upload een PNG"),
        (SimpleUploadedFile("logo.png", b"GIF89a" + bytes(20)), "Upload een PNG"),
        (SimpleUploadedFile("logo.png", b"\x89PNG\r\n\x1a\n" + bytes(40)), "Upload een PNG"),
        (SimpleUploadedFile("logo.png", b"x" * (MAX_UPLOAD_BYTES + 1)), "groter dan 2 MB"),
        (draw(4_001, 10), "groter dan 4.000"),
        (None, "Kies een bestand"),
    ],
)
def test_other_files_are_refused_with_what_to_do(
    alice_client: Client, file: SimpleUploadedFile | None, answer: str
) -> None:
    response = alice_client.post(PAGE, {"logo": file} if file else {})
    assert answer in response.content.decode()
    assert not OfficeLogo.objects.exists()


def test_a_half_image_is_refused(alice_client: Client) -> None:
    half = draw(3_000, 3_000, kind="JPEG").read()
    response = alice_client.post(PAGE, {"logo": SimpleUploadedFile("logo.jpg", half[: len(half) // 2])})
    assert "Upload een PNG" in response.content.decode()
    assert not OfficeLogo.objects.exists()


def test_the_same_logo_again_leaves_no_event(alice_client: Client) -> None:
    for _turn in range(2):
        alice_client.post(PAGE, {"logo": draw()})
    assert Event.objects.filter(verb=Verb.PROVIDER_CHANGED).count() == 1


def test_a_removed_logo_is_gone(alice_client: Client, alice: User) -> None:
    alice_client.post(PAGE, {"logo": draw()})
    address = OfficeLogo.objects.get(provider=alice.provider).get_absolute_url()
    response = alice_client.post(PAGE, {"remove": "1"}, follow=True)
    assert "Er is geen logo" in response.content.decode()
    assert Client().get(address).status_code == 404


def test_colleagues_without_the_right_get_403(bob_client: Client) -> None:
    assert bob_client.post(PAGE, {"logo": draw()}).status_code == 403
    assert not OfficeLogo.objects.exists()


def test_the_invitation_and_the_next_login_show_it(alice_client: Client, alice: User) -> None:
    alice_client.post(PAGE, {"logo": draw()})
    image = f'src="{OfficeLogo.objects.get(provider=alice.provider).get_absolute_url()}"'
    invited = invite(alice)
    visitor = Client()
    page = visitor.get(f"/uitnodiging/{invited.token}/", follow=True).content.decode()
    assert image in page
    assert f'alt="{alice.office_name}"' in page
    alice_client.post("/uitloggen/")
    assert image in alice_client.get("/inloggen/").content.decode()
    assert image not in Client().get("/inloggen/").content.decode()  # a browser that nobody signed in with
