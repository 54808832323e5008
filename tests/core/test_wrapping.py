"""Where an e-mail address may break across lines."""

import pytest

from core.templatetags.wrapping import breakable


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("p.deboer@devries.example", "p<wbr>.deboer@<wbr>devries<wbr>.example"),
        ("SSO/Webservice", "SSO/<wbr>Webservice"),
        ("Boer", "Boer"),
        ("", ""),
        ("<b>@x", "&lt;b&gt;@<wbr>x"),
    ],
)
def test_long_words_may_break_where_a_reader_expects_it(word: str, expected: str) -> None:
    assert breakable(word) == expected
