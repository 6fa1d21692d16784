// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// The agent of shop.py's application in JavaScript.
import { readFileSync } from "node:fs";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const at = (path) => new URL(path, import.meta.url);

export const shop = JSON.parse(readFileSync(at("shop.json")));
export const system = shop.system.replace(/{{(\w+)}}/g, (_, name) => shop.variables[name]);
export const [api] = process.argv.slice(2);

export const telemetry = (processor) => {
  const resource = resourceFromAttributes({ "service.name": process.env.OTEL_SERVICE_NAME });
  const provider = new NodeTracerProvider({ resource, spanProcessors: [processor] });
  provider.register();
  return provider;
};

// Says which version of the package it is, and runs the agent with whole answers and
// again with streamed ones.
export const main = async (name, run, provider) => {
  console.log(JSON.parse(readFileSync(at(`node_modules/${name}/package.json`))).version);
  console.log(await run(false));
  console.log(await run(true));
  await provider.forceFlush();
};
