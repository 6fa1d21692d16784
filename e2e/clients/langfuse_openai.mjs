// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

import OpenAI from "openai";
import { observeOpenAI } from "@langfuse/openai";
import { LangfuseSpanProcessor } from "@langfuse/otel";
import { api, main, shop, system, telemetry } from "./shop.mjs";

const client = observeOpenAI(new OpenAI());

const chat = async (stream) => {
  const messages = [{ role: "system", content: system }, { role: "user", content: shop.question }];
  const tools = shop.tools.map((tool) => ({ type: "function", function: tool }));
  const request = { model: shop.model, messages, tools, temperature: 0.2 };
  for (;;) {
    let message;
    if (stream) {
      const chunks = await client.chat.completions.create({ ...request, stream: true, stream_options: { include_usage: true } });
      message = await assembled(chunks);
    } else {
      message = (await client.chat.completions.create(request)).choices[0].message;
    }
    if (!message.tool_calls?.length) return message.content;
    messages.push(message);
    for (const call of message.tool_calls) messages.push({ role: "tool", tool_call_id: call.id, content: shop.result });
  }
};

const assembled = async (chunks) => {
  const message = { role: "assistant", content: null };
  for await (const chunk of chunks) {
    const delta = chunk.choices[0]?.delta ?? {};
    if (delta.content) message.content = (message.content ?? "") + delta.content;
    for (const { index, ...call } of delta.tool_calls ?? []) (message.tool_calls ??= [])[index] = call;
  }
  return message;
};

const responses = async (stream) => {
  const input = [{ role: "user", content: shop.question }];
  const tools = shop.tools.map((tool) => ({ type: "function", strict: false, ...tool }));
  for (;;) {
    const answer = await client.responses.create({ model: shop.model, instructions: system, input, tools, temperature: 0.2, stream });
    let response = answer;
    if (stream) for await (const event of answer) if (event.type === "response.completed") response = event.response;
    input.push(...response.output);
    const calls = response.output.filter((item) => item.type === "function_call");
    if (!calls.length) return response.output[0].content[0].text;
    for (const call of calls) input.push({ type: "function_call_output", call_id: call.call_id, output: shop.result });
  }
};

await main("@langfuse/openai", { chat, responses }[api], telemetry(new LangfuseSpanProcessor()));
