"""Starts what deploy/compose.yaml starts, without containers: each service in a network namespace of its own, under its
name, with its files where they are mounted, its variables and its arguments. Where the program can be had, it is the real
one: Debian's RabbitMQ and Prometheus, moto, the worker. Grafana cannot be had.

Then a job is submitted as compose's `submit` does it, and every expression of rules and dashboard is asked of that
Prometheus, which has to have data for it.

usage: machine.py WORKER MOTO-PYTHON FOLDER [IMAGE]       as root

With the root of an image, workers and sandbox are run in it, as a container runtime does it: its user, no capability, and
nothing written to its root.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import urllib.parse

import yaml

worker, python, folder = sys.argv[1:4]
image = pathlib.Path(sys.argv[4]) if len(sys.argv) > 4 else None
folder = pathlib.Path(folder)
deploy = pathlib.Path("deploy").resolve()
services = yaml.safe_load((deploy / "compose.yaml").read_text())["services"]
tag = f"iw{os.getpid() % 10000}"
names = ["rabbitmq", "s3", "bucket", "sandbox", "worker-1", "worker-2", "submit", "prometheus"]
address = {name: f"10.213.7.{index + 10}" for index, name in enumerate(names)}
hosts = folder / "hosts"
hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{ip} {name}\n" for name, ip in address.items()))
running = {}
asides = []
FAULTS = """
[[fault]]
stage = "recognition"
answer = "closed"
sample = "04-shanghai-outpatient"
calls = [1]

[[fault]]
stage = "verification"
answer = "SOMETHING_NEW"
sample = "05-guangdong-inpatient-voided"
http_status = 400

# A job that is in hand for half a minute, three times.
[[fault]]
stage = "recognition"
answer = "timeout"
sample = "06-jiangsu-outpatient-red-lettered"
calls = [1, 2, 3]

# For as long as this runs, however slow the machine is: jobs that are parked, and a province that is closed.
[[fault]]
stage = "verification"
answer = "316"
sample = "08-hebei-inpatient-reimbursed"

[[fault]]
stage = "verification"
answer = "OUT_OF_QUOTA"
sample = "12-shanghai-inpatient-long"
calls = [1]
"""


def sh(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def network():
    """A bridge in a namespace of its own, and a namespace for each service. Nothing leads out of it."""
    sh("ip", "netns", "add", f"{tag}-bridge")
    inside = ["ip", "-n", f"{tag}-bridge"]
    sh(*inside, "link", "add", "b0", "type", "bridge")
    sh(*inside, "link", "set", "b0", "up")
    for index, name in enumerate(names):
        sh("ip", "netns", "add", f"{tag}-{name}")
        sh(*inside, "link", "add", f"v{index}", "type", "veth", "peer", "name", "eth0", "netns", f"{tag}-{name}")
        sh(*inside, "link", "set", f"v{index}", "master", "b0", "up")
        own = ["ip", "-n", f"{tag}-{name}"]
        sh(*own, "link", "set", "lo", "up")
        sh(*own, "addr", "add", f"{address[name]}/24", "dev", "eth0")
        sh(*own, "link", "set", "eth0", "up")


def command(name, program, environment=None):
    """The program in the service's namespace, with the service's files where it looks for them."""
    service = services[name]
    script = [f"mount --bind {hosts} /etc/hosts"]
    for volume in service.get("volumes", []):
        source, target = volume.split(":")[:2]
        source = (deploy / source).resolve()
        top = "/" + target.split("/")[1]
        if not pathlib.Path(target).exists():
            # A folder that this machine has is covered, so that nothing is left in it.
            if top in ("/etc", "/var"):
                parent = pathlib.Path(*pathlib.Path(target).parts[:3])
                script.append(f"[ -e /.ours{parent.name} ] || mountpoint -q {parent} || (mkdir -p {parent} && mount -t tmpfs none {parent})")
                script.append(f"mkdir -p {pathlib.Path(target).parent}")
            script.append(f"if [ -d {source} ]; then mkdir -p {target}; else touch {target}; fi")
        script.append(f"mount --bind {source} {target}")
    script.append('exec "$@"')
    variables = {"PATH": os.environ["PATH"], "HOME": str(folder), **service.get("environment", {}), **(environment or {})}
    # A root of its own to write to, over this machine's: what is made there goes with the namespace.
    layers = folder / f"root-{name}"
    for part in ("upper", "work", "root"):
        (layers / part).mkdir(parents=True, exist_ok=True)
    enter = (
        f"mount -t tmpfs none {layers} && mkdir -p {layers}/upper {layers}/work {layers}/root && "
        f"mount -t overlay overlay -o lowerdir=/,upperdir={layers}/upper,workdir={layers}/work {layers}/root && "
        f"for part in proc dev sys tmp work; do if [ -e /$part ]; then mount --rbind /$part {layers}/root/$part; fi; done && "
        f"exec chroot {layers}/root bash -ec " + "'" + "\n".join(script).replace("'", "'\\''") + "' service \"$@\""
    )
    words = ["ip", "netns", "exec", f"{tag}-{name}", "unshare", "--mount", "bash", "-ec", enter, "enter", *program]
    return words, variables


def contained(name, program):
    """The program of the image in its own root, which is made of layers, so that the service's files can be put there."""
    layers = folder / f"root-{name}"
    root = layers / "root"
    layers.mkdir()
    script = [
        f"mount -t tmpfs none {layers} && mkdir {layers}/upper {layers}/work {root}",
        f"mount -t overlay overlay -o lowerdir={image},upperdir={layers}/upper,workdir={layers}/work {root}",
        f"mkdir -p {root}/proc {root}/tmp && mount -t proc proc {root}/proc",
        f"mkdir -p {root}/etc && touch {root}/etc/hosts && mount --bind {hosts} {root}/etc/hosts",
    ]
    for volume in services[name].get("volumes", []):
        source, target = volume.split(":")[:2]
        inner = f"{root}{target}"
        script += [f"mkdir -p $(dirname {inner}) && touch {inner}", f"mount --bind {(deploy / source).resolve()} {inner}"]
    script.append(f"mount -o remount,ro {root}")
    for inner in services[name].get("tmpfs", []):
        script.append(f"mount -t tmpfs -o mode=1777 none {root}{inner}")
    script.append(f'exec setpriv --no-new-privs chroot --userspec=10001:10001 --groups= {root} "$@"')
    variables = {"PATH": os.environ["PATH"], **{name: str(value) for name, value in services[name].get("environment", {}).items()}}
    program = ["/usr/local/bin/invoice-worker", *program[1:]]
    return ["ip", "netns", "exec", f"{tag}-{name}", "unshare", "--mount", "bash", "-ec", "\n".join(script), "contained", *program], variables


def start(name, program, environment=None):
    is_contained = image and program[0] == worker
    words, variables = contained(name, program) if is_contained else command(name, program, environment)
    log = open(folder / f"{name}.log", "w")
    running[name] = subprocess.Popen(words, env=variables, stdout=log, stderr=log, start_new_session=True)


def run(name, program, environment=None):
    words, variables = command(name, program, environment)
    done = subprocess.run(words, env=variables, capture_output=True, text=True, timeout=180)
    if done.returncode != 0:
        raise SystemExit(f"{name} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def until(what, answer, seconds=300):
    end = time.monotonic() + seconds
    while True:
        try:
            found = answer()
        except (OSError, ValueError, subprocess.SubprocessError):
            found = None
        if found:
            return found
        if time.monotonic() > end:
            raise SystemExit(f"{what} did not come within {seconds} s")
        for name, process in running.items():
            if process.poll() is not None:
                raise SystemExit(f"{name} has ended: {(folder / f'{name}.log').read_text()[-3000:]}")
        time.sleep(1)


def get(name, url):
    asked = ["ip", "netns", "exec", f"{tag}-{name}", python, "-c", "import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=5).read())", url]
    return subprocess.run(asked, check=True, capture_output=True, env={"PATH": os.environ["PATH"]}).stdout.decode()


def query(*expressions):
    """How many series each of them has; all are asked by one process within Prometheus' namespace."""
    asking = """
import json, sys, urllib.parse, urllib.request
found = []
for expression in json.load(sys.stdin):
    url = "http://127.0.0.1:9090/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    found.append(len(json.load(urllib.request.urlopen(url, timeout=30))["data"]["result"]))
json.dump(found, sys.stdout)
"""
    asked = ["ip", "netns", "exec", f"{tag}-prometheus", python, "-c", asking]
    done = subprocess.run(asked, check=True, capture_output=True, text=True, input=json.dumps(expressions), env={"PATH": os.environ["PATH"]})
    return json.loads(done.stdout)


def expressions():
    rules = [yaml.safe_load((deploy / f"prometheus/{name}.yaml").read_text()) for name in ("recording", "alerts")]
    for group in [group for one in rules for group in one["groups"]]:
        for rule in group["rules"]:
            # An alert's own comparison is left out: it is not to fire, but it has to have something to compare.
            expression = re.sub(r" (>=?|<|==) [0-9][0-9 *.]*\)?$", lambda match: ")" if match[0].endswith(")") else "", rule["expr"])
            yield rule.get("record") or rule["alert"], expression.removeprefix("absent(")[: None if "absent(" not in expression else -1]
    for panel in json.loads((deploy / "grafana/invoice-worker.json").read_text())["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def main():
    # What compose shows, and what the panels beyond that are for.
    scenario = folder / "scenario.toml"
    scenario.write_text((deploy / "compose/scenario.toml").read_text() + FAULTS)
    services["sandbox"]["volumes"] = [f"{scenario}:/scenario.toml:ro"]
    network()
    data = folder / "rabbitmq"
    data.mkdir()
    start("rabbitmq", ["/usr/lib/rabbitmq/bin/rabbitmq-server"], {
        "RABBITMQ_NODENAME": "rabbit@localhost", "RABBITMQ_MNESIA_BASE": str(data), "RABBITMQ_LOG_BASE": str(data),
        "RABBITMQ_CONFIG_FILES": "/etc/rabbitmq/conf.d", "RABBITMQ_ENABLED_PLUGINS_FILE": "/dev/null",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null", "RUNNING_UNDER_SYSTEMD": "yes", "HOME": str(data),
    })
    s3 = [str(argument) for argument in services["s3"]["command"]]
    start("s3", [str(pathlib.Path(python).parent / "moto_server"), *s3])
    start("sandbox", [worker, *services["sandbox"]["command"]])
    until("the S3 server", lambda: get("s3", "http://127.0.0.1:5000/moto-api/"))
    run("bucket", [python, *services["bucket"]["entrypoint"][1:]])
    until("the broker", lambda: port_open("rabbitmq", 5672))
    for name in ("worker-1", "worker-2"):
        start(name, [worker, *services[name]["command"]])
    for name in ("worker-1", "worker-2"):
        until(f"{name}, alive", lambda name=name: get(name, "http://127.0.0.1:9464/livez"))
    start("prometheus", ["prometheus", *services["prometheus"]["command"]])
    until("Prometheus", lambda: get("prometheus", "http://127.0.0.1:9090/-/ready"))
    good, missing = (json.loads(run("submit", [python, "/submit.py", *key])) for key in ([], ["samples/nothing.jpg"]))
    assert good["verdict"] == "genuine" and missing["error"]["code"] == "image.not_found", (good, missing)
    # One that is too late, and the others, for which nothing waits: some are parked, one pauses a worker.
    late = folder / "late.py"
    submit = (deploy / "compose/submit.py").read_text()
    late.write_text(submit.replace('"image": {"key": key}', '"image": {"key": key}, "deadline": "2026-01-01T00:00:00Z"'))
    services["submit"]["volumes"].append(f"{late}:/late.py:ro")
    assert json.loads(run("submit", [python, "/late.py", "samples/03-zhejiang-outpatient.png"]))["error"]["code"] == "job.deadline"
    for sample in sorted(pathlib.Path("tests/data/invoices").glob("*.jpg")):
        words, variables = command("submit", [python, "/submit.py", f"samples/{sample.name}"])
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
        asides.append(subprocess.Popen(words, env=variables, **quiet))
    rules = [rule for group in json.loads(get("prometheus", "http://127.0.0.1:9090/api/v1/rules"))["data"]["groups"] for rule in group["rules"]]
    assert len(rules) > 25, "the rules were not found where they are mounted"
    until("both targets", lambda: query('up{job="invoice-worker"} == 1') == [2])
    # A store that does not answer for a while: longer than storage.timeout.
    os.killpg(running["s3"].pid, signal.SIGSTOP)
    time.sleep(25)
    os.killpg(running["s3"].pid, signal.SIGCONT)
    # Rates need two scrapes, and what was recorded one more; what lasts for a moment only is remembered.
    empty = list(expressions())
    end = time.monotonic() + 240
    while (empty := unanswered(empty)) and time.monotonic() < end:
        time.sleep(3)
    # What never happens has no data, and is seen to have none.
    assert query('sum(rate(invoice_jobs_total{status="never"}[5m]))') == [0]
    print("tests/deploy/machine: caught: an expression that has no data")
    return empty


def unanswered(asked):
    found = query(*(expression for _, expression in asked))
    return [one for one, series in zip(asked, found) if not series]


def port_open(name, port):
    probe = ["ip", "netns", "exec", f"{tag}-{name}", python, "-c", f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"]
    return subprocess.run(probe, capture_output=True).returncode == 0


try:
    empty = main()
    print(f"{len(list(expressions())) - len(empty)} expressions have data")
    for where, expression in empty:
        print(f"no data: {where}: {expression}")
finally:
    for process in [*running.values(), *asides]:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
    for process in running.values():
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    for name in [*names, "bridge"]:
        left = subprocess.run(["ip", "netns", "pids", f"{tag}-{name}"], capture_output=True, text=True).stdout.split()
        for one in left:
            os.kill(int(one), signal.SIGKILL)
        subprocess.run(["ip", "netns", "del", f"{tag}-{name}"], stderr=subprocess.DEVNULL)
sys.exit(bool(empty))
