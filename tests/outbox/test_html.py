"""The HTML form of an e-mail."""

from outbox.emails import render_text_as_html


def test_html_has_paragraphs_and_links() -> None:
    html = render_text_as_html("Beste A.\nB.\n\nhttps://loket.example/x/?a=1&b=2\n")
    assert html.startswith('<div lang="nl" style="')
    assert "<p>Beste A.<br>B.</p>" in html
    assert '<a href="https://loket.example/x/?a=1&amp;b=2"' in html


def test_html_escapes_user_text() -> None:
    html = render_text_as_html('<script>alert("x")</script> & https://a.example/"onmouseover="x')
    assert "<script" not in html
    assert '"onmouseover' not in html
