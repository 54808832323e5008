"""Choices from long lists, without JavaScript."""

from django import forms

from core.pickers import PickerCheckboxes, PickerSelect

CHOICES = [("", "Geen"), ("Groep", [("1", "<b>Een</b>"), ("2", "Twee")])]


class ChoiceForm(forms.Form):
    one = forms.ChoiceField(choices=CHOICES, widget=PickerSelect)
    many = forms.MultipleChoiceField(choices=[("1", "Een"), ("2", "<i>Twee</i>")], widget=PickerCheckboxes)


def test_a_choice_is_a_select_with_groups() -> None:
    drawn = str(ChoiceForm(initial={"one": "2"})["one"])
    assert '<select name="one"' in drawn
    assert '<optgroup label="Groep"><option value="1">&lt;b&gt;Een&lt;/b&gt;</option>' in drawn
    assert drawn.count(" selected") == 1
    assert '<option value="2" selected>Twee</option>' in drawn


def test_several_choices_are_checkboxes_that_unfold_when_one_is_checked() -> None:
    drawn = str(ChoiceForm(initial={"many": ["2"]})["many"])
    assert drawn.count('type="checkbox" name="many"') == 2
    assert 'value="2" checked> &lt;i&gt;Twee&lt;/i&gt;' in drawn
    assert "<details open>" in drawn
    assert "<details>" in str(ChoiceForm()["many"])


def test_what_is_sent_is_read_as_ever() -> None:
    form = ChoiceForm({"one": "2", "many": ["1", "2"]})
    assert form.is_valid()
    assert form.cleaned_data == {"one": "2", "many": ["1", "2"]}
