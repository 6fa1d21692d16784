# Copyright The Spanloop Authors
# SPDX-License-Identifier: Apache-2.0

"""LangChain, which LangSmith traces by itself."""

from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tracers.langchain import wait_for_all_tracers
from langchain_openai import ChatOpenAI

import shop


def run(model, stream):
    history = [SystemMessage(shop.SYSTEM), HumanMessage(shop.QUESTION)]
    while True:
        message = sum_of(model.stream(history)) if stream else model.invoke(history)
        history.append(message)
        if not message.tool_calls:
            return message.content
        history += [ToolMessage(shop.RESULT, tool_call_id=call["id"]) for call in message.tool_calls]


def sum_of(chunks):
    total = next(chunks)
    for chunk in chunks:
        total += chunk
    return total


tools = [{"type": "function", "function": tool} for tool in shop.TOOLS]
shop.main("langsmith", ChatOpenAI(model=shop.MODEL, temperature=0.2).bind_tools(tools), run)
wait_for_all_tracers()
