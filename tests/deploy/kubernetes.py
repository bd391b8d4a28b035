"""Looks at what kustomize made of an overlay: KEDA's and the Prometheus operator's objects against their models, and
what has to fit together.

usage: kubernetes.py RENDERED.yaml WORKER.toml CONFIGURATION-FOLDER

The worker's configuration, with the files that the Secret will have, is left in the folder.
"""

import pathlib
import re
import sys
import tomllib

import yaml
from cloudcoil.models.keda import v1alpha1 as keda
from cloudcoil.models.prometheus_operator import v1 as monitoring

rendered, source, folder = map(pathlib.Path, sys.argv[1:4])
documents = [document for document in yaml.safe_load_all(rendered.read_text()) if document]
of_kind = {document["kind"]: document for document in documents}
models = {
    "ScaledObject": keda.ScaledObject,
    "TriggerAuthentication": keda.TriggerAuthentication,
    "ServiceMonitor": monitoring.ServiceMonitor,
}


def unknown(model, value, path):
    """Keys that the model does not have: it would leave them out in silence."""
    if isinstance(value, list):
        items = model if isinstance(model, list) else [None] * len(value)
        return [name for index, item in enumerate(value) for name in unknown(items[index], item, f"{path}[{index}]")]
    if not isinstance(value, dict) or not hasattr(type(model), "model_fields"):
        return []
    fields = {field.alias or name: name for name, field in type(model).model_fields.items()}
    wrong = [f"{path}.{key}" for key in value if key not in fields]
    for key, inner in value.items():
        if key in fields:
            wrong += unknown(getattr(model, fields[key]), inner, f"{path}.{key}")
    return wrong


for kind, model in models.items():
    document = of_kind[kind]
    wrong = unknown(model.model_validate(document), document, kind)
    assert not wrong, f"no such keys: {wrong}"

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

# The Secret's files, where the configuration looks for them.
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
for one in container["env"]:
    if one["name"].startswith("INVOICE_WORKER__"):
        print(f"{one['name']}={one['value']}")
