"""Dense lists (`list rows`) show on a phone only the cells that have a place in the style sheet."""

import re

from tests.helpers.demo_process import ROOT

TABLES = re.compile(r'<table class="list rows[^"]*">.*?<tbody>(.*?)</tbody>', re.DOTALL)
# The cells of static/loket.css, below `.list.rows`.
HIDDEN = re.compile(
    r'<td(?![^>]*class="[^"]*\b(?:tick|teams|status|factor|extra|row-menu)\b)[^>]*>(.*?)</td>', re.DOTALL
)
ELSEWHERE = {"teams:link_teams"}  # also on the page of the employer


def test_what_can_be_clicked_stays_on_a_phone() -> None:
    tables = [(path, body) for path in ROOT.glob("templates/**/*.html") for body in TABLES.findall(path.read_text())]
    assert len(tables) > 5
    for path, body in tables:
        for cell in HIDDEN.findall(body):
            if not any(name in cell for name in ELSEWHERE):
                assert not re.search(r"<(a|button|form|input)\b", cell), (path, cell)


def test_a_hidden_link_is_found() -> None:
    assert HIDDEN.findall('<td class="actions"><a href="/x/">Uitnodigen</a></td><td class="row-menu"><a></a></td>') == [
        '<a href="/x/">Uitnodigen</a>'
    ]
