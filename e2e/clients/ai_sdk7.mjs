// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { OpenTelemetry } from "@ai-sdk/otel";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { generateText, isStepCount, registerTelemetry, streamText, tool } from "ai";
import { z } from "zod";
import { api, main, shop, system, telemetry } from "./shop.mjs";

const provider = telemetry(new BatchSpanProcessor(new OTLPTraceExporter()));
registerTelemetry(new OpenTelemetry());

const model = {
  chat: () => createOpenAI().chat(shop.model),
  responses: () => createOpenAI().responses(shop.model),
  messages: () => createAnthropic({ baseURL: `${process.env.ANTHROPIC_BASE_URL}/v1` })(shop.model),
}[api]();

const order_id = z.string().describe("The order id, such as A-12345.");
const tools = {
  lookup_order: tool({
    description: "Returns the state of an order.",
    inputSchema: z.object({ order_id }),
    execute: async () => shop.result,
  }),
  refund_order: tool({
    description: "Pays back an order or a part of it.",
    inputSchema: z.object({ order_id, amount: z.number().describe("What to pay back, in EUR.") }),
    execute: async () => "{}",
  }),
};

const run = async (stream) => {
  const request = { model, instructions: system, prompt: shop.question, tools, stopWhen: isStepCount(3) };
  return stream ? await streamText(request).text : (await generateText(request)).text;
};

await main("ai", run, provider);
