# Copyright The Spanloop Authors
# SPDX-License-Identifier: Apache-2.0
"""Renders cases.json with Jinja, as LangChain does, and writes golden.json.

    pip install jinja2==3.1.6
    python3 record.py
"""
import json
import pathlib

from jinja2.sandbox import SandboxedEnvironment

here = pathlib.Path(__file__).parent
out = []
for case in json.loads((here / "cases.json").read_text()):
    result = dict(case)
    try:
        result["text"] = SandboxedEnvironment().from_string(case["template"]).render(**case["values"])
    except Exception as error:  # whatever it raises is a refusal
        result["error"] = type(error).__name__
    out.append(result)
lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in out)
(here / "golden.json").write_text("[\n" + lines + "\n]\n")
