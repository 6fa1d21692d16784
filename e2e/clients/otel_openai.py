# Copyright The Spanloop Authors
# SPDX-License-Identifier: Apache-2.0

from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

import shop

shop.telemetry(logs=True)
OpenAIInstrumentor().instrument()
shop.main("opentelemetry-instrumentation-genai-openai")
