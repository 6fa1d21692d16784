// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// Instructions of the example prompts.
const (
	copyID    = "- Copy the order id exactly as the customer wrote it, including its prefix (for example A-12345)."
	plainSums = "- Pass amounts as plain numbers and use only the refund reasons that the tool lists."
	lookFirst = "- Look up the order before you say anything about it, and before you refund it."
	beBrief   = "Be brief: answer in one or two sentences."
)

var (
	lookupTool = tool{Name: "lookup_order", Description: "Returns the state of an order.", Parameters: json.RawMessage(`{"type":"object","properties":{"order_id":{"type":"string","pattern":"^A-\\d{5}$"}},"required":["order_id"]}`)}
	refundTool = tool{Name: "refund_order", Description: "Pays back an order.", Parameters: json.RawMessage(`{"type":"object","properties":{"order_id":{"type":"string"},"amount":{"type":"number"},"reason":{"type":"string","enum":["damaged","wrong_item","late","other"]}},"required":["order_id","amount","reason"]}`)}
	searchTool = tool{Name: "search_docs", Description: "Searches the help pages. Knows nothing about a particular order.", Parameters: json.RawMessage(`{"type":"object","properties":{"query":{"type":"string"}},"required":["query"]}`)}
)

func tools() []tool { return []tool{lookupTool, refundTool, searchTool} }

// asking is a request with one user message.
func asking(system, question string) *request {
	return &request{Model: DefaultModel, System: system, Turns: []turn{{Role: roleUser, Text: question}}, Tools: tools(), Choices: 1}
}

// sample decides n times about one request.
func sample(t *testing.T, r *request, model string, n int) []answer {
	t.Helper()
	m, ok := modelByName(model)
	require.True(t, ok)
	source := newNoise(7)
	out := make([]answer, n)
	for i := range out {
		out[i] = decide(r, m, source.source(r))
	}
	return out
}

// rate is the share of answers that fulfil a condition.
func rate(answers []answer, holds func(answer) bool) float64 {
	n := 0
	for _, a := range answers {
		if holds(a) {
			n++
		}
	}
	return float64(n) / float64(len(answers))
}

// within fails unless the rate lies within five standard errors of p.
func within(t *testing.T, p, got float64, n int) {
	t.Helper()
	require.InDelta(t, p, got, 5*math.Sqrt(p*(1-p)/float64(n))+1e-9)
}

// post sends a body to a new server and returns the status and the response.
func post(t *testing.T, o Options, path, body string) (int, string) {
	t.Helper()
	s, err := NewServer(o)
	require.NoError(t, err)
	return send(t, s, path, body)
}

func send(t *testing.T, s *Server, path, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("anthropic-version", "2023-06-01")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// strict decodes JSON and fails on members that the target does not have.
func strict(t *testing.T, text string, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(into), text)
	_, err := d.Token()
	require.ErrorIs(t, err, io.EOF)
}
