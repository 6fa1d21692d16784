# Copyright The Spanloop Authors
# SPDX-License-Identifier: Apache-2.0

"""An agent of an online shop, as an application writes it with the providers' own
clients: the model asks for a tool, gets its result and answers."""

import json
import pathlib
import re
import sys
from importlib.metadata import version

SHOP = json.loads(pathlib.Path(__file__).with_name("shop.json").read_text())
MODEL, QUESTION, RESULT, TOOLS = SHOP["model"], SHOP["question"], SHOP["result"], SHOP["tools"]
SYSTEM = re.sub(r"{{(\w+)}}", lambda hole: SHOP["variables"][hole[1]], SHOP["system"])


def telemetry(logs=False):
    """What applications set up once: spans, and log events where asked, over OTLP."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    trace.set_tracer_provider(TracerProvider())
    trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    if logs:
        from opentelemetry import _logs
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

        _logs.set_logger_provider(LoggerProvider())
        _logs.get_logger_provider().add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))


def chat(client, stream, **extra):
    history = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
    if stream:
        extra |= {"stream": True, "stream_options": {"include_usage": True}}
    while True:
        answer = client.chat.completions.create(
            model=MODEL, messages=history, temperature=0.2, tools=[{"type": "function", "function": tool} for tool in TOOLS], **extra
        )
        message = assembled(answer) if stream else answer.choices[0].message
        calls = message["tool_calls"] if stream else message.tool_calls
        if not calls:
            return message["content"] if stream else message.content
        history.append(message)
        for call in calls:
            history.append({"role": "tool", "tool_call_id": call["id"] if stream else call.id, "content": RESULT})


def assembled(chunks):
    """The message of a stream of chunks."""
    text, calls = "", {}
    for chunk in chunks:
        for choice in chunk.choices:
            text += choice.delta.content or ""
            for part in choice.delta.tool_calls or []:
                call = calls.setdefault(part.index, {"id": part.id, "type": "function", "function": {"name": part.function.name, "arguments": ""}})
                call["function"]["arguments"] += part.function.arguments or ""
    return {"role": "assistant", "content": text or None, **({"tool_calls": list(calls.values())} if calls else {"tool_calls": None})}


def responses(client, stream):
    history = [{"role": "user", "content": QUESTION}]
    while True:
        answer = client.responses.create(
            model=MODEL, instructions=SYSTEM, input=history, temperature=0.2, stream=stream,
            tools=[{"type": "function", "strict": False, **tool} for tool in TOOLS],
        )
        if stream:
            answer = [event for event in answer if event.type == "response.completed"][-1].response
        history += answer.output
        calls = [item for item in answer.output if item.type == "function_call"]
        if not calls:
            return answer.output_text
        for call in calls:
            history.append({"type": "function_call_output", "call_id": call.call_id, "output": RESULT})


def messages(client, stream):
    history = [{"role": "user", "content": QUESTION}]
    request = {
        "model": MODEL, "max_tokens": 400, "system": SYSTEM, "messages": history,
        "tools": [{"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]} for tool in TOOLS],
    }
    while True:
        if stream:
            with client.messages.stream(**request) as parts:
                answer = parts.get_final_message()
        else:
            answer = client.messages.create(**request)
        history.append({"role": "assistant", "content": answer.content})
        calls = [block for block in answer.content if block.type == "tool_use"]
        if not calls:
            return answer.content[0].text
        history.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": RESULT} for call in calls]})


API = sys.argv[1]
AGENT = {"chat": chat, "responses": responses, "messages": messages}[API]


def main(package, client=None, run=AGENT):
    """Says which version of the package it is, and runs the agent with whole answers
    and again with streamed ones."""
    if client is None:
        import anthropic
        import openai

        client = anthropic.Anthropic() if API == "messages" else openai.OpenAI()
    print(version(package), run(client, False), run(client, True), sep="\n")
