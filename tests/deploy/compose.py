"""What has to fit together in deploy/compose.yaml.

usage: compose.py ROOT
"""

import json
import pathlib
import re
import sys
import tomllib
import urllib.parse

import yaml

folder = pathlib.Path(sys.argv[1]) / "deploy"
text = (folder / "compose.yaml").read_text()
services = yaml.safe_load(text)["services"]

# Versions: what .env says is what is taken without it.
versions = dict(line.split("=", 1) for line in (folder / ".env").read_text().splitlines() if "=" in line)
used = re.findall(r"\$\{([A-Z_0-9]+):-([^}]*)\}", text)
assert {name for name, _ in used} == set(versions), f"{used} and {versions}"
for name, default in used:
    assert versions[name] == default, f"{name} is {versions[name]} in .env, {default} without it"

repository = pathlib.Path(__file__).resolve().parent.parent.parent
mounted = {}
for name, service in services.items():
    for volume in service.get("volumes", []):
        source, target = volume.split(":")[:2]
        path = folder / source
        if not path.exists():
            path = repository / "deploy" / source
        assert path.exists(), f"{name} mounts {source}, which is not there"
        mounted[name, target] = path
    for other in service.get("depends_on", {}):
        condition = service["depends_on"][other]["condition"]
        assert other in services, f"{name} waits for {other}"
        assert condition != "service_healthy" or "test" in services[other].get("healthcheck", {}), f"{other} has no health check"
    for argument in list(service.get("command", [])) + list(service.get("entrypoint", [])):
        if argument.startswith("/") and argument.endswith((".toml", ".py")):
            assert (name, argument) in mounted, f"{name} reads {argument}, which is not mounted"

# The workers: what they are told to ask exists, with these ports and names.
ports = {"rabbitmq": 5672, "s3": int(services["s3"]["command"][-1])}
ports["sandbox"] = int(services["sandbox"]["command"][2].rsplit(":", 1)[1])
workers = [name for name in services if name.startswith("worker-")]
assert len(workers) == 2
for name in workers:
    service = services[name]
    config = tomllib.loads(mounted[name, service["environment"]["INVOICE_WORKER_CONFIG"]].read_text())
    urls = config["broker"]["urls"] + [config["storage"]["endpoint_url"], config["recognition"]["url"], config["verification"]["url"]]
    for url in map(urllib.parse.urlsplit, urls):
        assert ports.get(url.hostname) == url.port, f"{name} asks {url.hostname}:{url.port}"
    grace = config.get("worker", {}).get("shutdown_grace", "75s")
    assert int(service["stop_grace_period"][:-1]) > int(grace[:-1]), "killed before it has drained"
    listen = int(config["telemetry"]["listen"].rsplit(":", 1)[1])

# Users of the broker: both have the rights that the definitions give them.
definitions = json.loads(mounted["rabbitmq", "/etc/rabbitmq/definitions.json"].read_text())
users = {user["name"] for user in definitions["users"]}
submitting = urllib.parse.urlsplit(services["submit"]["environment"]["BROKER_URL"])
assert {urllib.parse.urlsplit(config["broker"]["urls"][0]).username, submitting.username} <= users
assert {permission["user"] for permission in definitions["permissions"]} == users, "a user without permissions, or the reverse"

bucket = services["bucket"]["entrypoint"]
assert bucket[2] == config["storage"]["endpoint_url"] and bucket[3] == config["storage"]["bucket"], bucket

scraped = yaml.safe_load(mounted["prometheus", "/etc/prometheus/prometheus.yaml"].read_text())["scrape_configs"][0]
assert scraped["static_configs"][0]["targets"] == [f"{name}:{listen}" for name in workers], scraped
source = yaml.safe_load(mounted["grafana", "/etc/grafana/provisioning/datasources/prometheus.yaml"].read_text())
assert source["datasources"][0]["url"] == "http://prometheus:9090"
provider = yaml.safe_load(mounted["grafana", "/etc/grafana/provisioning/dashboards/invoice-worker.yaml"].read_text())
path = provider["providers"][0]["options"]["path"]
assert ("grafana", f"{path}/invoice-worker.json") in mounted, path
assert services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == f"{path}/invoice-worker.json"
print(f"{len(services)} services fit together")
