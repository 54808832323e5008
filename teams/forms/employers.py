"""Forms of employers."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.forms import PLAIN_TEXT_VALIDATORS, VersionedForm
from permissions.models import Employer
from permissions.products import Product


class NewEmployerForm(forms.Form):
    number = forms.IntegerField(
        label=_("Number"),
        min_value=1,
        max_value=99_999_999,
        widget=forms.NumberInput(attrs={"class": "short"}),
        error_messages={"required": _("Enter the employer number.")},
    )
    name = forms.CharField(
        label=_("Name"),
        max_length=70,
        validators=PLAIN_TEXT_VALIDATORS,
        error_messages={"required": _("Enter the name of the employer.")},
    )
    products = forms.TypedMultipleChoiceField(
        label=_("Products"),
        choices=lambda: [(product.value, f"{product.value} {product.label}") for product in Product],
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("A right that requires a product has effect only where that product is on."),
    )

    def clean_products(self) -> list[Product]:
        return [Product(number) for number in sorted(set(self.cleaned_data["products"]))]


class EmployerForm(NewEmployerForm, VersionedForm):
    def __init__(self, *args: Any, employer: Employer, **kwargs: Any) -> None:
        kwargs["initial"] = {name: getattr(employer, name) for name in ("number", "name", "products", "version")}
        super().__init__(*args, **kwargs)
