"""Validates each line of stdin, a JSON document, against a JSON Schema. Prints one line for each: ok, or what is wrong.

usage: validate.py SCHEMA_FILE < documents.jsonl
"""

import json
import sys

import jsonschema

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
kind = jsonschema.validators.validator_for(schema, default=None)
kind.check_schema(schema)
validator = kind(schema, format_checker=kind.FORMAT_CHECKER)
for line in sys.stdin:
    errors = sorted(validator.iter_errors(json.loads(line)), key=lambda error: error.json_path)
    print("; ".join(f"{error.json_path}: {error.message[:200]}" for error in errors) or "ok")
