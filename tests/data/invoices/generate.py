#!/usr/bin/env python3
"""Draws every sample invoice and writes its provider answers, the expected result and the index. See README.md."""

import json
import sys
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True

from generator.answers import answers  # noqa: E402
from generator.expected import expected  # noqa: E402
from generator.looks import save  # noqa: E402
from generator.samples import SAMPLES  # noqa: E402

FOLDER = Path(__file__).resolve().parent


def main() -> None:
    for invoice in SAMPLES:
        size = save(invoice, FOLDER / invoice.file)
        write_json(FOLDER / f"{invoice.stem}.answers.json", answers(invoice))
        write_json(FOLDER / f"{invoice.stem}.expected.json", expected(invoice, size))
    write_json(FOLDER / "index.json", [invoice.stem for invoice in SAMPLES])


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
