# Copyright The Spanloop Authors
# SPDX-License-Identifier: Apache-2.0

from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor

import shop

shop.telemetry(logs=True)
AnthropicInstrumentor().instrument()
shop.main("opentelemetry-instrumentation-genai-anthropic")
