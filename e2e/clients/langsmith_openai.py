# Copyright The Spanloop Authors
# SPDX-License-Identifier: Apache-2.0

import openai
from langsmith import Client, traceable
from langsmith.wrappers import wrap_openai

import shop

langsmith = Client()
shop.main("langsmith", wrap_openai(openai.OpenAI()), traceable(shop.AGENT, client=langsmith))
langsmith.flush()
