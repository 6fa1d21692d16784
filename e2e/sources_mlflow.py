# Copyright The Spanloop Authors
# SPDX-License-Identifier: Apache-2.0
"""Makes prompts with MLflow's own client: python sources_mlflow.py URL.

Prints, as JSON, what that client renders of each version.
"""
import json
import sys

import mlflow
from mlflow import MlflowClient

mlflow.set_tracking_uri(sys.argv[1])
prompts = mlflow.genai
variables = {"name": "Ada", "tier": "gold", "style": "brief", "question": "Why?"}

texts = {
    "greeting": [
        "Hello {{ name }}, you are a {{tier}} customer of the shop.",
        'Hi {{name}}! Answer as {"json": {{name}}}, {{#not}} as {tier} or {{{tier}}}.',
    ],
    "jinja": ["{% if name %}Hello {{ name }}, welcome to the shop.{% endif %}"],
    "chat.bot": [[{"role": "system", "content": "You are {{style}}, always."}, {"role": "user", "content": "{{question}}"}]],
}
rendered = {}
for name, versions in texts.items():
    rendered[name] = {}
    for i, text in enumerate(versions):
        extra = {}
        if name == "chat.bot":
            extra = {"model_config": {"model_name": "gpt-4o", "temperature": 0.1}, "response_format": {"type": "object", "properties": {"a": {"type": "string"}}}}
        made = prompts.register_prompt(name=name, template=text, commit_message=f"commit {i + 1}", **extra)
        out = made.format(**variables)
        rendered[name][str(made.version)] = [out] if isinstance(out, str) else [m["content"] for m in out]
prompts.set_prompt_alias("greeting", "production", 2)
MlflowClient().set_prompt_tag("greeting", "team", "growth")
# A hundred and more prompts make a second page.
for i in range(105):
    prompts.register_prompt(name=f"many-{i}", template="One of very many prompts.")
    rendered[f"many-{i}"] = {"1": ["One of very many prompts."]}
print(json.dumps(rendered))
