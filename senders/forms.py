"""The form for the sender of an office."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import DomainNameValidator, validate_email
from django.utils.translation import gettext_lazy as _

from core.keys import encode_email_domain
from senders.domains import find_registrable_domain, is_own_domain

MAX_ADDRESS_LENGTH, MAX_DOMAIN_LENGTH = 254, 200  # characters; names of records are longer than the domain
_validate_domain = DomainNameValidator(accept_idna=False)
_INVALID = _("Enter a plain e-mail address, such as loket@yourdomain.nl.")


class _SenderAddressField(forms.CharField):
    """An address in plain characters; the value has its domain in ASCII."""

    widget = forms.EmailInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"})

    def clean(self, value: Any) -> Any:
        address = encode_email_domain(super().clean(value))
        if not address:
            return ""
        domain = address.rpartition("@")[2]
        try:
            validate_email(address)
            _validate_domain(domain)
        except ValidationError:
            raise ValidationError(_INVALID, code="invalid") from None
        if '"' in address or not address.isascii() or len(domain) > MAX_DOMAIN_LENGTH:
            raise ValidationError(_INVALID, code="invalid")
        if not find_registrable_domain(domain):
            text = _("Everyone can register a name below this domain. Enter an address at a domain of your own.")
            raise ValidationError(text, code="public_suffix")
        return address


class SenderForm(forms.Form):
    address = _SenderAddressField(
        label=_("Sender address"),
        max_length=MAX_ADDRESS_LENGTH,
        help_text=_("Colleagues see this address as the sender. It must be at a domain of your office."),
        error_messages={"required": _("Enter the address that e-mails come from.")},
    )
    reply_to = _SenderAddressField(
        label=_("Replies go to"),
        required=False,
        max_length=MAX_ADDRESS_LENGTH,
        help_text=_("An address at the same domain. Leave it empty if replies may go to the sender address."),
    )

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"]
        if is_own_domain(address.rpartition("@")[2]):
            raise ValidationError(
                _("This domain belongs to Loket. Enter an address at a domain of your own."), code="ours"
            )
        return address

    def clean_reply_to(self) -> str:
        reply_to: str = self.cleaned_data["reply_to"]
        address = self.cleaned_data.get("address", "")
        domains = [find_registrable_domain(text.rpartition("@")[2]) for text in (reply_to, address) if text]
        if len(set(domains)) > 1:
            text = _(
                "Replies can only go to the domain of the sender address, of which your office proves that it is yours."
            )
            raise ValidationError(text, code="other_domain")
        return reply_to
