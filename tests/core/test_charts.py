"""Charts show every figure as text, leave out what is zero, and take no style attribute."""

import re

from django.template.loader import render_to_string

from core.charts import Bar, DayBars, Part, StackedBar


def _render(name: str, **context: object) -> str:
    return render_to_string(f"charts/{name}.html", context)


def test_stacked_bar_draws_parts_in_order_and_lists_their_figures():
    parts = [Part("Active", 3, 8, "good", "/a/"), Part("Required", 0, 8, "attention"), Part("Other", 5, 8, "bad")]
    html = _render("stacked_bar", chart=StackedBar("factor", "3 of 8 <active>", parts))
    assert 'role="img" aria-label="3 of 8 &lt;active&gt;"' in html
    assert re.findall(r'segment" x="([^"]*)" width="([^"]*)"', html) == [("0%", "37.5%"), ("37.5%", "62.5%")]
    assert "Required" not in html
    assert '<a href="/a/">Active</a>' in html
    assert "<b>5</b>" in html
    assert "62%" in html
    assert 'fill="url(#factor-bad)"' in html
    assert 'id="factor-bad"' in html
    assert "style=" not in html


def test_stacked_bar_of_nothing_draws_nothing():
    assert StackedBar("factor", "", [Part("Active", 0, 0)]).segments == []


def test_day_bars_keep_a_quiet_day_visible_beside_a_busy_one():
    chart = DayBars("week", "This week", [Bar("Mon", 2), Bar("Tue", 9_000), Bar("Wed", 0, 1)], height=50)
    quiet, busy, leaving = chart.drawn
    assert (quiet.up_height, busy.up_height) == (3, 50)
    assert (leaving.up_height, leaving.down_height) == (0, 3)
    html = _render("day_bars", chart=chart)
    assert html.count("<rect class=") == 3
    assert ">−1</text>" in html
    assert ">9.000</text>" in html
    assert "<a " not in html


def test_day_bars_with_pages_are_links_with_names():
    chart = DayBars("days", "Events", [Bar("1", 4, name="1 November", url="/d/?x=1&y=2")])
    html = _render("day_bars", chart=chart)
    assert 'role="group"' in html
    assert '<a href="/d/?x=1&amp;y=2" aria-label="1 November: 4">' in html


def test_meter_shows_a_share():
    html = _render("meter", part=Part("Delivered", 998, 1000))
    assert 'aria-label="Delivered: 100%"' in html
    assert 'width="99.8%"' in html
