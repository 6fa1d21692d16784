# Copyright The Spanloop Authors
# SPDX-License-Identifier: Apache-2.0
"""Makes prompts with Phoenix's own client: python sources_phoenix.py URL.

Prints, as JSON, what that client renders of each version, in order of their making.
"""
import json
import sys

from phoenix.client import Client
from phoenix.client.types import PromptVersion

prompts = Client(base_url=sys.argv[1]).prompts
variables = {"customer": "Ada", "question": "Why?", "name": "Ada"}
tools = [{"type": "function", "function": {"name": "lookup", "description": "Looks up.", "parameters": {"type": "object", "properties": {"id": {"type": "string"}}}}}]
schema = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}}
made = [
    ("support", PromptVersion(
        [{"role": "system", "content": "You help {{customer}} of the shop, {as} it is."}, {"role": "user", "content": [{"type": "text", "text": "{{question}}"}]}],
        model_name="gpt-4o", model_provider="OPENAI", description="first")),
    ("support", PromptVersion.from_openai({
        "model": "gpt-4o-mini", "temperature": 0.2, "tools": tools, "tool_choice": "auto", "response_format": schema,
        "messages": [{"role": "system", "content": "You help {{customer}}."}, {"role": "user", "content": "{{question}}"}]}, description="second")),
    ("literal", PromptVersion([{"role": "user", "content": "Literally {{x}} and {y}."}], model_name="gpt-4o", template_format="NONE")),
    ("fstring", PromptVersion([{"role": "user", "content": "Hello {name}, welcome to the shop."}], model_name="claude", model_provider="ANTHROPIC", template_format="F_STRING")),
]
rendered = {}
for name, version in made:
    created = prompts.create(name=name, version=version, prompt_description="Made for a test")
    messages = created.format(variables=variables).messages if name != "literal" else created._template["messages"]
    texts = [m["content"] if isinstance(m["content"], str) else "".join(p["text"] for p in m["content"]) for m in messages]
    rendered.setdefault(name, {})[created.id] = texts
    if name == "support":
        prompts.tags.create(prompt_version_id=created.id, name="production")
print(json.dumps(rendered))
