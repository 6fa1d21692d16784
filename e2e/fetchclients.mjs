// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Uses Langfuse's SDK as applications do: node fetchclients.mjs KEYS PACKAGES.
// LANGFUSE_BASE_URL, LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY say where and as
// whom. Prints what came out as JSON, in the same form as fetchclients.py.
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.argv[3], "package.json"));
const { LangfuseClient } = require("@langfuse/client");
const { LangfuseSpanProcessor } = require("@langfuse/otel");
const { startObservation } = require("@langfuse/tracing");
const { NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");

const keys = Number(process.argv[2]);
const log = console.log;
console.log = console.warn = console.error = () => {}; // fallbacks are wanted here
const processor = new LangfuseSpanProcessor();
const provider = new NodeTracerProvider({ spanProcessors: [processor] });
provider.register();
const langfuse = new LangfuseClient();
const facts = { auth: true };

const text = await langfuse.prompt.get("greeting");
facts.text = { version: text.version, labels: text.labels, config: text.config, compiled: text.compile({ name: "Ada {{x}}" }) };
const chat = await langfuse.prompt.get("support/answer", { type: "chat", label: "staging" });
facts.chat = { version: chat.version, compiled: chat.compile({ name: "Ada", question: "Why?" }) };
const history = [{ role: "user", content: "Hi" }, { role: "assistant", content: "Ho" }];
const placed = (await langfuse.prompt.get("chatty", { type: "chat" })).compile({ topic: "tea", question: "Why?" }, { history });
facts.placed = placed.map((m) => ({ role: m.role, content: m.content }));
facts.old = (await langfuse.prompt.get("support/answer", { type: "text", version: 1 })).compile({ name: "Ada" });
for (let i = 0; i < 50; i++) await langfuse.prompt.get("greeting");
facts.listed = (await langfuse.api.prompts.list({ limit: 100 })).data.map((p) => [p.name, p.versions]);
const missing = await langfuse.prompt.get("nowhere", { fallback: "Hello {{name}}", maxRetries: 0 });
facts.fallback = { is: missing.isFallback, compiled: missing.compile({ name: "Ada" }) };
try {
  await langfuse.prompt.get("dotted", { maxRetries: 0 });
  facts.refused = "";
} catch (e) {
  facts.refused = String(e.message ?? e);
}

for (const prompt of [text, chat]) {
  const generation = startObservation("answer", { model: "m", input: "in", prompt }, { asType: "generation" });
  generation.update({ output: "out", usageDetails: { input: 1, output: 1 } });
  generation.end();
}
await provider.forceFlush();

const version = async (i) => (await langfuse.prompt.get("support/answer", { label: `production@user-${i}`, cacheTtlSeconds: 0 })).version;
const versions = async (n) => {
  const out = [];
  for (let i = 0; i < n; i += 50) out.push(...(await Promise.all(Array.from({ length: Math.min(50, n - i) }, (_, k) => version(i + k)))));
  return out;
};
facts.canary = await versions(keys);
facts.again = await versions(Math.floor(keys / 10));
await provider.shutdown();
log(JSON.stringify(facts));
