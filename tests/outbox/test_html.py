"""The HTML form of a mail."""

from outbox.html import render_text_as_html


def test_it_makes_paragraphs_with_links() -> None:
    html = render_text_as_html("Beste A.\nB.\n\nhttps://loket.example/x/?a=1&b=2\n")
    assert html.startswith('<div lang="nl" style="')
    assert "<p>Beste A.<br>B.</p>" in html
    assert '<a href="https://loket.example/x/?a=1&amp;b=2"' in html


def test_it_escapes_what_was_typed() -> None:
    html = render_text_as_html('<script>alert("x")</script> & https://a.example/"onmouseover="x')
    assert "<script" not in html
    assert '"onmouseover' not in html
