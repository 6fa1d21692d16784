# Copyright The Spanloop Authors
# SPDX-License-Identifier: Apache-2.0

from openinference.instrumentation.anthropic import AnthropicInstrumentor

import shop

shop.telemetry()
AnthropicInstrumentor().instrument()
shop.main("openinference-instrumentation-anthropic")
