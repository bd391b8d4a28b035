"""Writes JSON schemas of the kinds that Kubernetes itself does not know: KEDA's and the Prometheus operator's. Their
models take seconds to import, so this is done once.

usage: schemas.py FOLDER
"""

import json
import pathlib
import sys

from cloudcoil.models.keda import v1alpha1 as keda
from cloudcoil.models.prometheus_operator import v1 as monitoring


def strict(value):
    """A key that the model does not have is a mistake; the model itself would leave it out in silence."""
    if isinstance(value, dict):
        if "properties" in value:
            value.setdefault("additionalProperties", False)
        for inner in value.values():
            strict(inner)
    elif isinstance(value, list):
        for inner in value:
            strict(inner)
    return value


folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for model in (keda.ScaledObject, keda.TriggerAuthentication, monitoring.ServiceMonitor):
    (folder / f"{model.__name__}.json").write_text(json.dumps(strict(model.model_json_schema(by_alias=True))))
