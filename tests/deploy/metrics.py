"""Is every metric that a rule or the dashboard names one that the worker has, and every alert in the runbook?

usage: metrics.py ROOT
"""

import json
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1]) / "deploy"
source = "".join(path.read_text() for path in pathlib.Path("src/telemetry").rglob("*.rs"))
known = set(re.findall(r'"(invoice_[a-z_]+)"', source))
rules = "".join(path.read_text() for path in sorted((root / "prometheus").glob("*.yaml")))
recorded = set(re.findall(r"record: (\S+)", rules))
named = [(expression, "a rule") for expression in re.findall(r"expr: (.*(?:\n {10}.*)*)", rules)]


def expressions(value):
    """The expressions of the dashboard, wherever they stand."""
    if isinstance(value, dict):
        yield from (value["expr"] for _ in [0] if "expr" in value)
        for inner in value.values():
            yield from expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner)


dashboard = root / "grafana/invoice-worker.json"
if dashboard.exists():
    named += [(expression, "the dashboard") for expression in expressions(json.loads(dashboard.read_text()))]
wrong = []
for expression, where in named:
    for name in re.findall(r"\binvoice_[a-z_]+", expression):
        if name not in known and re.sub("_(bucket|sum|count)$", "", name) not in known:
            wrong.append(f"{where} names {name}, which the worker does not have: {expression}")
    for name in re.findall(r"\binvoice:[a-z0-9_:]+", expression):
        if name not in recorded:
            wrong.append(f"{where} names {name}, which no rule records: {expression}")
alerts = set(re.findall(r"- alert: (\S+)", rules))
runbook = set(re.findall(r"^### (Invoice\w+)$", (root / "README.md").read_text(), re.MULTILINE))
wrong += [f"{alert} is an alert without a paragraph in deploy/README.md" for alert in sorted(alerts - runbook)]
wrong += [f"deploy/README.md is about {alert}, which is no alert" for alert in sorted(runbook - alerts)]
print("\n".join(wrong) or f"{len(named)} expressions name metrics that exist")
sys.exit(bool(wrong))
