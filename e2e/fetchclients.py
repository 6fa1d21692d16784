# Copyright The Spanloop Authors
# SPDX-License-Identifier: Apache-2.0
"""Uses Langfuse's SDK as applications do: python fetchclients.py KEYS.

LANGFUSE_BASE_URL, LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY say where and as whom.
Prints what came out as JSON, in the same form as fetchclients.mjs.
"""
import json
import logging
import sys
from concurrent.futures import ThreadPoolExecutor

from langfuse import Langfuse

keys = int(sys.argv[1])
logging.getLogger("langfuse").setLevel(logging.CRITICAL)  # fallbacks are wanted here
langfuse = Langfuse()
facts = {"auth": langfuse.auth_check()}

text = langfuse.get_prompt("greeting")
facts["text"] = {"version": text.version, "labels": text.labels, "config": text.config, "compiled": text.compile(name="Ada {{x}}")}
chat = langfuse.get_prompt("support/answer", type="chat", label="staging")
facts["chat"] = {"version": chat.version, "compiled": chat.compile(name="Ada", question="Why?")}
history = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
placed = langfuse.get_prompt("chatty", type="chat").compile(topic="tea", question="Why?", history=history)
facts["placed"] = [{"role": m["role"], "content": m["content"]} for m in placed]
facts["old"] = langfuse.get_prompt("support/answer", type="text", version=1).compile(name="Ada")
for _ in range(50):
    langfuse.get_prompt("greeting")
facts["listed"] = [[p.name, p.versions] for p in langfuse.api.prompts.list(limit=100).data]
missing = langfuse.get_prompt("nowhere", fallback="Hello {{name}}", max_retries=0)
facts["fallback"] = {"is": missing.is_fallback, "compiled": missing.compile(name="Ada")}
try:
    langfuse.get_prompt("dotted", max_retries=0)
    facts["refused"] = ""
except Exception as e:
    facts["refused"] = str(e)

for prompt in [text, chat]:
    with langfuse.start_as_current_observation(name="answer", as_type="generation", model="m", input="in", prompt=prompt) as generation:
        generation.update(output="out", usage_details={"input": 1, "output": 1})
langfuse.flush()


def version(i):
    return langfuse.get_prompt("support/answer", label=f"production@user-{i}", cache_ttl_seconds=0).version


with ThreadPoolExecutor(8) as pool:
    facts["canary"] = list(pool.map(version, range(keys)))
    facts["again"] = list(pool.map(version, range(keys // 10)))
print(json.dumps(facts))
