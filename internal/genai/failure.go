// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// otherError is the conventions' error.type for an error without a type.
const otherError = "_OTHER"

// fillError decides whether the span failed. Some senders leave the status
// unset on errors (Langfuse), or even set it to OK (LangSmith) beside an
// exception event; a failed call is then one that has no answer.
func (r *reading) fillError(c *Call, span ptrace.Span) {
	failed := span.Status().Code() == ptrace.StatusCodeError
	c.ErrorType = r.text(fErrorType)
	level := strings.EqualFold(r.text(fErrorLevel), "ERROR")
	kind, message := exception(span)
	if kind != "" && !failed && !level && c.ErrorType == "" && c.answered() {
		kind, message = "", ""
	}
	if c.ErrorType == "" {
		c.ErrorType = kind
	}
	if c.ErrorType == "" {
		c.ErrorType = r.httpError(c)
	}
	stated := r.text(fErrorMessage)
	if c.ErrorType == "" && (failed || level || r.hasKey("gen_ai.prompt.prompt_error")) {
		c.ErrorType = otherError
	}
	if c.ErrorType == "" {
		return
	}
	c.ErrorMessage = stated
	if c.ErrorMessage == "" {
		c.ErrorMessage = span.Status().Message()
	}
	if c.ErrorMessage == "" {
		c.ErrorMessage = message
	}
}

// answered tells whether the span has an answer or a result.
func (c *Call) answered() bool {
	if c.ToolExecution != nil {
		return c.ToolExecution.Result != ""
	}
	return !c.Output.Empty()
}

// exception returns the last exception event of a span.
func exception(span ptrace.Span) (kind, message string) {
	for _, event := range span.Events().All() {
		if event.Name() != "exception" {
			continue
		}
		kind = scalarOf(event.Attributes(), "exception.type")
		message = scalarOf(event.Attributes(), "exception.message")
		if kind == "" {
			kind = otherError
		}
	}
	return kind, message
}

// httpError returns the status code of a model call that the provider refused.
func (r *reading) httpError(c *Call) string {
	if !c.Counted || !r.has(fHTTPStatus) {
		return ""
	}
	if status := r.integer(fHTTPStatus); status.Set && status.Value >= 400 {
		return strconv.FormatInt(status.Value, 10)
	}
	return ""
}
