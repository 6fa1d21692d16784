# Copyright The Spanloop Authors
# SPDX-License-Identifier: Apache-2.0

import asyncio

from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel

import shop

shop.telemetry()
Agent.instrument_all()
model = {"chat": OpenAIChatModel, "responses": OpenAIResponsesModel, "messages": AnthropicModel}[shop.API](shop.MODEL)
agent = Agent(model, name="shop", instructions=shop.SYSTEM)


@agent.tool_plain
def lookup_order(order_id: str) -> str:
    """Returns the state of an order.

    Args:
        order_id: The order id, such as A-12345.
    """
    return shop.RESULT


@agent.tool_plain
def refund_order(order_id: str, amount: float) -> str:
    """Pays back an order or a part of it.

    Args:
        order_id: The order id, such as A-12345.
        amount: What to pay back, in EUR.
    """
    return "{}"


async def streamed():
    async with agent.run_stream(shop.QUESTION) as result:
        return await result.get_output()


shop.main("pydantic-ai-slim", agent, lambda _, stream: asyncio.run(streamed()) if stream else agent.run_sync(shop.QUESTION).output)
