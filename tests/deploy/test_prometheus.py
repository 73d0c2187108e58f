"""A real Prometheus reads /metrics as docs/operating.md says, and takes the rules for alerts."""

import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from containers import ROOT, free_port
from documented import text_of
from needs import needs
from test_nginx import pages, running

pytestmark = pytest.mark.lasting

RULES = ROOT / "deploy/prometheus/alerts.yaml"
TOKEN = "a-token-of-prometheus"
REMEDY = "apt-get install -y --no-install-recommends prometheus"
prometheus = needs("prometheus", REMEDY)
promtool = needs("promtool", REMEDY)

ENDED = "mprelease_releases_ended_total"
# A minute has one value; `_` is no value, `AxB` a value and its repetitions.
SERIES = {
    "mprelease_workers_alive": "1 1 0x20",
    'mprelease_queue_oldest_seconds{label="intranet"}': "0 300 601x20",
    f'{ENDED}{{state="failed",kind="upload",platform="wechat"}}': "0 1 2 3 4 6x20",
    f'{ENDED}{{state="succeeded",kind="upload",platform="wechat"}}': "1x30",
    f'{ENDED}{{state="failed",kind="upload",platform="alipay"}}': "0 2x30",
    'mprelease_loop_failures_total{loop="worker tick",instance="web-1"}': "_ _ _ _ 1x20",
}
FIRING: dict[str, list[dict[str, str]]] = {
    "MpreleaseNoWorker": [{"severity": "critical"}],
    "MpreleaseReleaseWaitsLong": [{"severity": "warning", "label": "intranet"}],
    # Two failures on alipay are too few to tell.
    "MpreleaseManyReleasesFail": [{"severity": "warning", "platform": "wechat"}],
    # A first failure counts, although its series has just begun.
    "MpreleaseLoopFails": [{"severity": "warning", "loop": "worker tick", "instance": "web-1"}],
    "MpreleaseReleaseUnknown": [],
}


def sample() -> dict[str, Any]:
    """The configuration of Prometheus in the document."""
    (block,) = re.findall(
        r"```yaml\n(scrape_configs:.*?)```", text_of("docs/operating.md"), re.DOTALL
    )
    made: dict[str, Any] = yaml.safe_load(block)
    return made


@promtool
def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    alerts = [
        {
            "eval_time": "10m",
            "alertname": name,
            "exp_alerts": [{"exp_labels": labels} for labels in fired],
        }
        for name, fired in FIRING.items()
    ]
    rules = yaml.safe_load(RULES.read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            # Their sentences are looked at elsewhere; here they would have to be repeated.
            del rule["annotations"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    series = [{"series": name, "values": values} for name, values in SERIES.items()]
    case = {"interval": "1m", "input_series": series, "alert_rule_test": alerts}
    whole = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [case]}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(whole))
    for words in (["check", "rules", str(RULES)], ["test", "rules", str(tmp_path / "test.yaml")]):
        called = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
        assert called.returncode == 0, called.stdout + called.stderr


@prometheus
def test_a_prometheus_reads_a_node_and_takes_every_rule(tmp_path: Path) -> None:
    base = "http://localhost"
    with pages(tmp_path, base, MPRELEASE_METRICS_TOKEN=TOKEN) as port:
        config = sample()
        (job,) = config["scrape_configs"]
        job["authorization"]["credentials_file"] = str(tmp_path / "token")
        (tmp_path / "token").write_text(TOKEN)
        job["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(RULES)]
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
        own = free_port()
        program = shutil.which("prometheus")
        assert program
        words = [
            program,
            f"--config.file={tmp_path}/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/series",
            f"--web.listen-address=127.0.0.1:{own}",
        ]
        environment = {"PATH": "/usr/bin:/bin"}
        with (
            running(words, environment, own),
            httpx.Client(base_url=f"http://127.0.0.1:{own}/api/v1", trust_env=False) as client,
        ):
            deadline = time.monotonic() + 40
            while True:
                targets = answer(client, "/targets")["activeTargets"]
                groups = answer(client, "/rules")["groups"]
                rules = {
                    rule["name"]: rule["health"] for group in groups for rule in group["rules"]
                }
                if {each["health"] for each in targets} == {"up"} and set(rules.values()) == {"ok"}:
                    break
                assert time.monotonic() < deadline, (targets, rules)
                time.sleep(0.3)
            assert job["job_name"] == targets[0]["labels"]["job"] == "mprelease"
            assert len(rules) > 8
            (found,) = answer(client, "/query?query=mprelease_info")["result"]
            assert found["metric"]["version"]
            (alive,) = answer(client, "/query?query=mprelease_database_up")["result"]
            assert alive["value"][1] == "1"


def answer(client: httpx.Client, path: str) -> Any:
    got = client.get(path)
    assert got.status_code == 200, got.text
    return got.json()["data"]
