# Copyright The Spanloop Authors
# SPDX-License-Identifier: Apache-2.0

from opentelemetry.instrumentation.openai import OpenAIInstrumentor

import shop

shop.telemetry()
OpenAIInstrumentor().instrument()
shop.main("opentelemetry-instrumentation-openai")
