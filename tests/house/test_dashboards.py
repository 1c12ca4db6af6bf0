"""The dashboard and the alerts ask for figures that there are, in questions that Prometheus reads."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import promql_parser as promql
import pytest
import yaml

import protobase_live as pb
from protobase_actors import SystemClock
from protobase_live.server.counters import Counters
from protobase_live.server.figures import Figure, Histogram, Labelled
from protobase_live.server.metrics import metrics
from protobase_live.server.permissions import Permissions

DOCS = Path(__file__).resolve().parents[2] / "docs"
BOARD = json.loads((DOCS / "grafana.json").read_text())
ALERTS = yaml.safe_load((DOCS / "alerts.yml").read_text())["groups"]
RULES = [rule for group in ALERTS for rule in group["rules"]]
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
LEGENDS = [(target["expr"], target["legendFormat"]) for panel in PANELS for target in panel["targets"]]
EXPRESSIONS = [expression for expression, _ in LEGENDS]
OF_SCRAPES = {"instance", "job"}
"""Labels that Prometheus puts to what it reads."""


def read(expression: str) -> Iterator[promql.Expr]:
    """All parts of a question. Raises ValueError for what is none."""
    plain = expression.replace("$__rate_interval", "5m").replace("$instance", ".*")

    parts: list[promql.Expr] = []

    def visit(part: promql.Expr) -> bool:
        parts.append(part)
        return True

    promql.walk(promql.parse(plain), visit)
    yield from parts


def asked(expression: str) -> list[promql.VectorSelector]:
    return [part for part in read(expression) if isinstance(part, promql.VectorSelector)]


@pytest.fixture
async def figures() -> dict[str, Figure]:
    async with pb.open("memory:") as db:
        return {
            f"protobase_{each.name}": each
            for each in await metrics(db, Counters(), Permissions(SystemClock()), 0, 0)
        }


def labels_of(figure: Figure) -> set[str]:
    return OF_SCRAPES | ({figure.value.label} if isinstance(figure.value, Labelled) else set())


@pytest.mark.parametrize("expression", [*EXPRESSIONS, *(rule["expr"] for rule in RULES)])
async def test_every_figure_that_is_asked_for_is_there(figures: dict[str, Figure], expression: str) -> None:
    selectors = asked(expression)
    assert selectors
    for selector in selectors:
        name = selector.name
        if name not in figures and name.endswith("_bucket"):
            assert isinstance(figures[name.removesuffix("_bucket")].value, Histogram)
        else:
            assert {each.name for each in selector.matchers.matchers} <= labels_of(figures[name])


@pytest.mark.parametrize("expression", EXPRESSIONS)
async def test_what_grows_is_asked_for_its_rate_and_nothing_else_is(
    figures: dict[str, Figure], expression: str
) -> None:
    names = {each.name for each in asked(expression)}
    counters = {name for name in names if name.endswith("_bucket") or figures[name].kind == "counter"}
    rates = set(re.findall(r"(?:rate|increase)\((protobase_\w+)", expression))
    assert rates == counters


@pytest.mark.parametrize(("expression", "legend"), LEGENDS)
async def test_groups_and_legends_name_labels_that_there_are(
    figures: dict[str, Figure], expression: str, legend: str
) -> None:
    names = {each.name.removesuffix("_bucket") for each in asked(expression)}
    known = {"le"}.union(*(labels_of(figures[name]) for name in names))
    grouped = re.findall(r"\bby \(([\w, ]+)\)", expression)
    assert {name for each in grouped for name in each.split(", ")} <= known
    assert set(re.findall(r"{{(\w+)}}", legend)) <= known


def test_it_is_a_dashboard() -> None:
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time", "refresh"} <= set(BOARD)
    assert BOARD["schemaVersion"] >= 36
    assert "id" not in BOARD, "that is of one Grafana's own"
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids)
    variables = {each["name"] for each in BOARD["templating"]["list"]}
    assert variables == set(re.findall(r"\$\{?(?!__)(\w+)", json.dumps(BOARD)))
    for panel in PANELS:
        assert panel["type"] in ("timeseries", "stat")
        assert panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert [each["refId"] for each in panel["targets"]] == list("ABCDEF")[: len(panel["targets"])]


def test_no_two_panels_share_a_place() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        places = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not places & taken, panel["title"]
        taken |= places


@pytest.mark.parametrize(
    "row", ["gates of the commit rule", "Who is there", "limits reached", "Storage", "Cluster", "A stream"]
)
def test_it_shows_what_it_is_to_show(row: str) -> None:
    assert any(row in panel["title"] for panel in BOARD["panels"] if panel["type"] == "row")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_what_it_is(rule: dict) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"]
    promql.parse_duration(rule.get("for", "1m"))
