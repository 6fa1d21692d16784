# Copyright The Spanloop Authors
# SPDX-License-Identifier: Apache-2.0

import sys

from langfuse import get_client
from langfuse.openai import openai

import shop


def linked(client, stream):
    """The same agent with a prompt of the store, which is linked to its calls."""
    prompt = get_client().get_prompt("support/order", version=2)
    shop.SYSTEM = prompt.compile(**shop.SHOP["variables"])
    return shop.chat(client, stream, langfuse_prompt=prompt)


shop.main("langfuse", openai.OpenAI(), linked if "linked" in sys.argv else shop.AGENT)
get_client().flush()
