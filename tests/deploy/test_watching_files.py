"""The alert rules and the dashboard name metrics that there are, in PromQL that can be parsed."""

import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from mprelease.storage.database import Database
from mprelease.supervision import LoopFailures
from mprelease.web.metrics import Metrics, RequestRecord

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/alerts.yaml"
DASHBOARD = ROOT / "deploy/grafana/dashboard.json"
# What Prometheus itself adds for each target.
OF_PROMETHEUS = {"up"}
LABELS_OF_PROMETHEUS = {"job", "instance"}


def rules() -> list[dict[str, Any]]:
    return [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


EXPRESSIONS = [rule["expr"] for rule in rules()] + [
    target["expr"] for panel in panels() for target in panel["targets"]
]


@pytest.fixture
def metrics(database: Database) -> dict[str, set[str]]:
    """The labels of each metric of a node."""
    made, failures = Metrics(), LoopFailures()
    failures.add("a loop")
    made.answered(RequestRecord("GET", "/", 200, 0.1))
    text = made.text(database, 0, failures).decode()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        suffixes = ["_bucket", "_count", "_sum"] if family.type == "histogram" else [""]
        names = [f"{family.name}{suffix}" for suffix in suffixes]
        if family.type == "counter":
            names = [f"{family.name}_total"]
        for name in names:
            found[name] = {label for sample in family.samples for label in sample.labels}
    return found


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    """The metrics that an expression selects."""
    found: list[promql_parser.VectorSelector] = []

    def collect(part: promql_parser.Expr) -> None:
        if isinstance(part, promql_parser.VectorSelector):
            found.append(part)

    promql_parser.walk(promql_parser.parse(expression), collect)
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_selects_metrics_and_labels_that_there_are(
    expression: str, metrics: dict[str, set[str]]
) -> None:
    selected = selectors(expression)
    assert selected
    for each in selected:
        assert each.name in metrics.keys() | OF_PROMETHEUS
        labels = {matcher.name for matcher in each.matchers.matchers} - LABELS_OF_PROMETHEUS
        assert labels <= metrics.get(each.name, set())


def test_a_misspelled_expression_would_be_found(metrics: dict[str, set[str]]) -> None:
    [first, second] = selectors("rate(mprelease_release_ended_total[1h]) + up")
    assert (first.name, second.name) == ("mprelease_release_ended_total", "up")
    assert first.name not in metrics
    with pytest.raises(ValueError, match="parenthesis"):
        selectors("max by (a) (b")


def test_every_rule_says_what_is_wrong_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in rules()}) == len(rules()) > 8
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"].keys() == {"summary", "description"}
        named = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        grouped = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", rule["expr"]))))
        assert named <= grouped | LABELS_OF_PROMETHEUS | {"loop"}


def test_panels_of_the_dashboard_have_places_and_sources_of_their_own() -> None:
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()}
    assert len(places) == len({panel["id"] for panel in panels()}) == len(panels()) > 12
    assert {panel["datasource"]["uid"] for panel in panels()} == {"${datasource}"}
