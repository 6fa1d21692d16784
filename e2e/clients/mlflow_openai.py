# Copyright The Spanloop Authors
# SPDX-License-Identifier: Apache-2.0

import mlflow

import shop

mlflow.openai.autolog()
shop.main("mlflow")
mlflow.flush_trace_async_logging()
