# Copyright The Spanloop Authors
# SPDX-License-Identifier: Apache-2.0
"""Renders cases.json with LangChain and writes golden.json.

    pip install langchain-core==1.8.3
    python3 record.py
"""
import json
import pathlib

from langchain_core.prompts.string import formatter, validate_f_string_template

here = pathlib.Path(__file__).parent
out = []
for case in json.loads((here / "cases.json").read_text()):
    result = {"template": case["template"], "values": case["values"]}
    try:
        validate_f_string_template(case["template"])
        result["text"] = formatter.format(case["template"], **case["values"])
    except Exception as error:  # whatever it raises is a refusal
        result["error"] = f"{type(error).__name__}: {error}"
    out.append(result)
lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in out)
(here / "golden.json").write_text("[\n" + lines + "\n]\n")
