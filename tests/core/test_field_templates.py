"""Rendering of form fields."""

from django import forms


class Example(forms.Form):
    name = forms.CharField(max_length=25, widget=forms.TextInput(attrs={"autofocus": True, "spellcheck": False}))
    body = forms.CharField(max_length=6000, widget=forms.Textarea)


def test_no_browser_cuts_a_pasted_value() -> None:
    drawn = Example({"name": "x" * 26, "body": "<b>"}).as_p()
    assert "maxlength" not in drawn
    assert Example({"name": "x" * 26, "body": "<b>"}).errors.as_data()["name"][0].code == "max_length"


def test_other_attributes_stay() -> None:
    drawn = str(Example(auto_id="id_%s")["name"])
    assert drawn.startswith('<input type="text" name="name"')
    assert all(part in drawn for part in (" autofocus", ' id="id_name"', " required"))
    assert "spellcheck" not in drawn


def test_the_focus_is_the_error_summarys_when_there_are_errors() -> None:
    assert " autofocus" in Example()["name"].as_field_group()
    wrong = Example({"name": "x" * 26, "body": "<b>"})["name"].as_field_group()
    assert "aria-invalid" in wrong
    assert " autofocus" not in wrong
