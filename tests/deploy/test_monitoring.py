"""Alert rules and dashboard: they use metrics and labels that the product has, and each alert fires in a test."""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics import Histogram, MetricWrapperBase

from core.models import PeriodicJobStatus
from monitoring import metrics
from tests.helpers.demo_process import ROOT

FOLDER = ROOT / "deploy" / "prometheus"
RULES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "loket-alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "loket.json").read_text())
ADDED_BY_PROMETHEUS = {"job", "instance"}
SERIES = re.compile(r"\b(loket_\w+)(?:\{([^}]*)\})?")


@pytest.fixture
def labels_by_series(db: None) -> dict[str, set[str]]:
    """The labels of every time series that Prometheus stores of the product."""
    PeriodicJobStatus.objects.create(name="audit.append_all_pending", every=5, since=timezone.now())
    found: dict[str, set[str]] = {}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            own = set(metric._labelnames)
            is_histogram = isinstance(metric, Histogram)
            found |= {metric._name + ending: own for ending in (("_count", "_sum") if is_histogram else ("_total",))}
            found |= {f"{metric._name}_bucket": own | {"le"}} if is_histogram else {}
    for family in metrics._DatabaseCollector().collect():
        name = family.name + "_total" if isinstance(family, CounterMetricFamily) else family.name
        # Prometheus has a label `job` of its own: that of a metric is renamed.
        found[name] = {"exported_job" if label == "job" else label for label in family._labelnames}
    return found


def dashboard_queries() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def used_series(queries: list[str]) -> set[tuple[str, str]]:
    """Return every pair of a series and a label by which it is selected, "" for none."""
    found = set()
    for name, selector in SERIES.findall("\n".join(queries)):
        found |= {(name, label) for label in ["", *re.findall(r"(\w+)\s*(?:=|!=|=~|!~)\s*\"", selector)]}
    return found


def test_a_series_is_read_with_its_labels() -> None:
    assert used_series(['sum(loket_a{b="c", d=~"e"}) / loket_f']) == {
        ("loket_a", ""), ("loket_a", "b"), ("loket_a", "d"), ("loket_f", ""),
    }  # fmt: skip


@pytest.mark.parametrize(
    "queries", [[rule["expr"] for rule in RULES], [*dashboard_queries()]], ids=["rules", "dashboard"]
)
def test_every_series_and_label_exists(queries: list[str], labels_by_series: dict[str, set[str]]) -> None:
    used = used_series(queries)
    assert len(used) > 15
    assert {name for name, _label in used} - labels_by_series.keys() == set()
    assert {
        (name, label) for name, label in used if label not in labels_by_series[name] | ADDED_BY_PROMETHEUS | {""}
    } == set()
    groups = {
        label for query in queries for labels in re.findall(r"\bby \(([^)]*)\)", query) for label in labels.split(", ")
    }
    assert groups <= set().union(*labels_by_series.values())


def test_the_dashboard_shows_every_metric(labels_by_series: dict[str, set[str]]) -> None:
    assert labels_by_series.keys() == {name for name, _label in used_series([*dashboard_queries()])}


def test_panels_do_not_overlap_and_have_their_own_number() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _y in cells) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_every_alert_fires_in_a_test_and_says_what_to_do() -> None:
    stories = yaml.safe_load((FOLDER / "loket-alerts.test.yml").read_text())["tests"]
    samples = [
        sample["labels"] for story in stories for test in story["promql_expr_test"] for sample in test["exp_samples"]
    ]
    fired = set(re.findall(r'alertname="(\w+)"', " ".join(samples)))
    assert fired == {rule["alert"] for rule in RULES}
    assert all(rule["annotations"].keys() == {"summary", "action"} for rule in RULES)
    assert {rule["labels"]["severity"] for rule in RULES} == {"critical", "warning"}


@pytest.mark.promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "rules", "--lint-fatal", "loket-alerts.yml"],
        ["test", "rules", "loket-alerts.test.yml"],
        ["check", "config", "--syntax-only", "prometheus.yml"],
    ],
)
def test_prometheus_accepts_it(arguments: list[str]) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
