"""Looks at deploy/s3: policies as parliament knows AWS, life-cycle rules as botocore does, and what has to fit together.

usage: s3.py ROOT
"""

import json
import pathlib
import re
import sys
import tomllib

import botocore.session
from botocore.validate import ParamValidator
from parliament import analyze_policy_string, enhance_finding

folder = pathlib.Path(sys.argv[1]) / "deploy"
texts = {path.stem: path.read_text() for path in sorted((folder / "s3").glob("*.json"))}
assert set(texts) == {"bucket-policy", "lifecycle", "submitter-policy", "worker-policy"}, set(texts)

wrong = []
for name, text in texts.items():
    if name != "lifecycle":
        found = [enhance_finding(one) for one in analyze_policy_string(text).findings]
        wrong += [f"{name}: {one.issue}: {one.title} {one.detail or ''} {one.location}" for one in found]
assert not wrong, "\n".join(wrong[:5])

rules = json.loads(texts["lifecycle"])
session = botocore.session.get_session()
shape = session.get_service_model("s3").shape_for("BucketLifecycleConfiguration")
report = ParamValidator().validate(rules, shape)
assert not report.has_errors(), report.generate_report()

# The bucket and the prefix are the same wherever they are named.
config = tomllib.loads((folder / "systemd/worker.toml").read_text())
bucket, prefix = config["storage"]["bucket"], "checkpoints/"
default = re.search(r'"checkpoints/"', pathlib.Path("src/checkpoint/config.rs").read_text())
assert default, "the default of checkpoint.prefix is another"
known = {f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*", f"arn:aws:s3:::{bucket}/{prefix}*"}
for name, text in texts.items():
    for arn in re.findall(r'"(arn:aws:s3:::[^"]*)"', text):
        assert arn in known, f"{name}: another bucket or prefix: {arn}"

# Checkpoints are read, written and removed by the worker alone.
(checkpoints,) = [one for one in json.loads(texts["bucket-policy"])["Statement"] if one["Sid"] == "CheckpointsAreTheWorkersAlone"]
assert checkpoints["Effect"] == "Deny" and checkpoints["Resource"] == f"arn:aws:s3:::{bucket}/{prefix}*"
for action in ("s3:PutObject", "s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObject", "s3:DeleteObjectVersion"):
    assert action in checkpoints["Action"], f"every principal may {action} where the checkpoints are"

# A job waits for 96 hours (worker.job_deadline); what it has paid for stays as long as a failed copy does, 14 days.
queues = json.loads((folder / "rabbitmq/definitions.json").read_text())["queues"]
(failed,) = [queue for queue in queues if queue["name"] == "invoice.failed"]
days = failed["arguments"]["x-message-ttl"] // 86_400_000
# The marks of bills stay as long as the worker looks back, worker.seen_before.
reference = tomllib.loads(pathlib.Path("config/invoice-worker.toml").read_text())
looks_back = int(reference["worker"]["seen_before"].removesuffix("d"))
for rule in rules["Rules"]:
    place = rule["Filter"]["Prefix"]
    assert place.startswith(prefix), f"{rule['ID']} is not about the checkpoints"
    least = max(days, looks_back) if place in (prefix, prefix + "seen/") else days
    kept = rule["Expiration"].get("Days", least)
    assert kept >= least, f"{place} is empty too early: after {kept} days, not {least}"
for kind in ("recognition", "verification", "result", "unparked", "seen"):
    of = [rule for rule in rules["Rules"] if rule["Filter"]["Prefix"] == f"{prefix}{kind}/"]
    assert len(of) == 1 and "Days" in of[0]["Expiration"], f"{kind} is kept for ever"
print(f"{len(texts)} files fit together")
