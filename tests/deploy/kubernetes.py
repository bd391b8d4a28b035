"""Renders both overlays and looks at what came out: every object against the schema of its kind, what has to fit
together, and the configuration and the variables against the worker itself.

usage: kubernetes.py ROOT WORKER KUBECTL SCHEMAS
"""

import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

import jsonschema
import kubernetes_validate
import yaml

root, worker, kubectl, schemas = sys.argv[1:5]
base = pathlib.Path(root) / "deploy/kubernetes"


def rendered(overlay):
    done = subprocess.run([kubectl, "kustomize", base / "overlays" / overlay], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def look_at_schema(document):
    """The kinds that Kubernetes itself does not know have schemas of their own (schemas.py)."""
    own = pathlib.Path(schemas) / f"{document['kind']}.json"
    if not own.exists():
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
        return
    schema = json.loads(own.read_text())
    for error in jsonschema.validators.validator_for(schema)(schema).iter_errors(document):
        raise AssertionError(f"{document['kind']} {error.json_path}: {error.message}")


def look_at(overlay, folder):
    documents = rendered(overlay)
    for document in documents:
        look_at_schema(document)
    of_kind = {document["kind"]: document for document in documents}
    fit_together(of_kind)
    variables = configuration(of_kind, folder)
    feeds(of_kind["ScaledObject"]["spec"], variables)
    done = subprocess.run([worker, "check", "--offline", "-c", folder / "worker.toml"], env=variables, capture_output=True, text=True)
    assert done.returncode == 0, f"{overlay}: {done.stdout}{done.stderr}"


def feeds(scaled, variables):
    """No more workers than the account's rate keeps busy: 2 s a call, 16 calls at once in each, and one to spare."""
    rates = [float(value) for name, value in variables.items() if name.endswith("__RATE_PER_SECOND")]
    assert len(rates) == 2, variables
    fed = math.ceil(max(rates) * 2 / 16) + 1
    assert scaled["maxReplicaCount"] <= fed, f"more workers than the rate feeds: {scaled['maxReplicaCount']}, {fed}"


source = base / "base/worker.toml"


def fit_together(of_kind):
    pod = of_kind["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    config = tomllib.loads(source.read_text())
    seconds = lambda text: int(re.fullmatch(r"(\d+)s", text)[1])
    mebibytes = lambda text: int(re.fullmatch(r"(\d+)Mi(?:B)?", text)[1])
    worker = config.get("worker", {})
    grace = seconds(worker.get("shutdown_grace", "75s"))
    assert pod["terminationGracePeriodSeconds"] > grace, "the pod is killed before the worker has drained"
    needed = mebibytes(worker.get("image_memory", "512MiB")) + 64
    assert mebibytes(container["resources"]["limits"]["memory"]) >= needed, "less memory than the worker may use"
    assert "replicas" not in of_kind["Deployment"]["spec"], "the ScaledObject and the Deployment would fight"
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert config["telemetry"]["listen"] == f"0.0.0.0:{ports['telemetry']}", "the probes ask another port"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] in ports, probe

    labels = of_kind["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    for kind, selector in {
        "Service": of_kind["Service"]["spec"]["selector"],
        "PodDisruptionBudget": of_kind["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        "NetworkPolicy": of_kind["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    }.items():
        assert selector and selector.items() <= labels, f"{kind} selects other pods"
    monitored = of_kind["ServiceMonitor"]["spec"]["selector"]["matchLabels"].items()
    assert monitored <= of_kind["Service"]["metadata"]["labels"].items(), "ServiceMonitor selects another service"

    scaled = of_kind["ScaledObject"]["spec"]
    assert scaled["scaleTargetRef"]["name"] == of_kind["Deployment"]["metadata"]["name"]
    queues = {trigger["metadata"].get("queueName") for trigger in scaled["triggers"]}
    assert {"invoice.jobs", "invoice.due"} <= queues or scaled["minReplicaCount"] >= 1, "a parked job would start no worker"
    assert scaled["maxReplicaCount"] >= scaled["minReplicaCount"] >= 1
    names = {trigger["name"] for trigger in scaled["triggers"]}
    formula = scaled["advanced"]["scalingModifiers"]["formula"]
    assert set(re.findall(r"[a-z]+", formula)) == names, f"the formula is not about the triggers: {formula}"


def configuration(of_kind, folder):
    """The worker's configuration in the folder, with the Secret's files where it looks for them; answers the variables."""
    pod = of_kind["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    items = {item["path"] for item in volumes["secrets"]["secret"]["items"]}
    text = source.read_text()
    named = set(re.findall(rf'= "{mounts["secrets"]}/([a-z_]+)"', text))
    assert named == items, f"the configuration reads {named}, the Secret has {items}"
    assert f"{mounts['configuration']}/worker.toml" in [one.get("value") for one in container["env"]]
    for name in items:
        secret = "amqps://u:p@rabbit.example:5671/%2f" if name == "broker_urls" else "x" * 40
        (folder / name).write_text(secret + "\n")
    (folder / "worker.toml").write_text(text.replace(mounts["secrets"], str(folder)))
    return {one["name"]: one["value"] for one in container["env"] if one["name"].startswith("INVOICE_WORKER__")}


for overlay in ("staging", "production"):
    with tempfile.TemporaryDirectory() as folder:
        look_at(overlay, pathlib.Path(folder))
