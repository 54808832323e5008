"""The logo of an office: what an administrator uploads is decoded, and stored as a PNG of our own making."""

import hashlib
import io
from typing import IO, TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext as _

from outbox.emails import Logo

if TYPE_CHECKING:
    from PIL import Image

MAX_UPLOAD_BYTES = 2 * 2**20
_FORMATS = ("PNG", "JPEG", "WEBP")  # no SVG: it may hold scripts and addresses
_MAX_SIDE = 4_000  # pixels of an upload; checked before anything is decoded
_STORED_SIZE = (480, 160)  # pixels; shown at half of that at most


class OfficeLogo(models.Model):
    """A logo, public under the digest of its bytes."""

    provider = models.OneToOneField(
        "accounts.Provider", on_delete=models.CASCADE, primary_key=True, related_name="logo"
    )
    digest = models.CharField(max_length=64, db_index=True)  # SHA-256 of `png`, in hexadecimal
    png = models.BinaryField()
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()

    def __str__(self) -> str:
        return self.digest

    def get_absolute_url(self) -> str:
        return reverse("users:show_logo", args=[self.digest])


def build_logo(file: IO[bytes]) -> OfficeLogo:
    """Decode an image and return the logo to store, without what the file holds besides pixels.

    Raises ValidationError for anything but a PNG, JPEG or WebP image of at most 4,000 by 4,000 pixels.
    """
    image = _decode_image(file)
    image.thumbnail(_STORED_SIZE)
    target = io.BytesIO()
    image.save(target, "PNG", optimize=True, icc_profile=None)
    png = target.getvalue()
    return OfficeLogo(digest=hashlib.sha256(png).hexdigest(), png=png, width=image.width, height=image.height)


def _decode_image(file: IO[bytes]) -> "Image.Image":
    from PIL import Image, UnidentifiedImageError  # takes 7 MB, and is needed once a year

    try:
        with Image.open(file, formats=_FORMATS) as image:
            if max(image.size) > _MAX_SIDE:
                text = _("This image is larger than 4,000 by 4,000 pixels. Save it in a smaller size and upload that.")
                raise ValidationError(text, code="pixels")
            return image.convert("RGBA")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        text = _("This is not an image that can be read. Upload a PNG, JPEG or WebP file.")
        raise ValidationError(text, code="image") from None


def build_office_context(user: Any) -> dict[str, Any]:
    """Return the context of pages that stand alone in the name of the office of `user`: its name, and its logo or None.

    Support users have no office.
    """
    logo = OfficeLogo.objects.defer("png").filter(provider=user.provider_id).first() if user.provider_id else None
    return {"office_name": user.office_name, "office_logo": logo}


def load_email_logo(provider_id: UUID) -> Logo | None:
    """Return the logo for e-mails of an office, to be shown at half its size, as on pages."""
    logo = OfficeLogo.objects.filter(provider=provider_id).first()
    return Logo(bytes(logo.png), (logo.width + 1) // 2, (logo.height + 1) // 2) if logo else None
