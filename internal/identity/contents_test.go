// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/genai"
)

func spanNumber(i int) (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], uint64(i)+1)
	return id
}

func textCall(text string) *genai.Call {
	return &genai.Call{Kind: genai.KindInference, Input: genai.NewMessages([]genai.Message{{Role: "user", Parts: []genai.Part{{Type: genai.PartText, Content: text}}}})}
}

// Whatever comes, what is remembered is bounded, and the latest is remembered.
func TestContentsAreBounded(t *testing.T) {
	r := NewResolver(Options{})
	trace := pcommon.TraceID{1}
	text := strings.Repeat("x", 10_000)
	const calls = 10_000
	for i := range calls {
		r.Tell(trace, spanNumber(i), pcommon.Timestamp(i), textCall(text))
	}
	held := 0
	for _, generation := range []map[callKey][]contentEvent{r.contents.young, r.contents.old} {
		for _, events := range generation {
			for i := range events {
				held += events[i].size()
			}
		}
	}
	assert.LessOrEqual(t, held, 2*contentBytes)
	assert.Greater(t, held, contentBytes/2)
	assert.True(t, r.Complete(trace, spanNumber(calls-1), &genai.Call{Kind: genai.KindInference}))
	assert.False(t, r.Complete(trace, spanNumber(0), &genai.Call{Kind: genai.KindInference}))
}

// One call cannot fill the memory: neither with many events nor with a large one.
func TestContentOfOneCallIsBounded(t *testing.T) {
	r := NewResolver(Options{})
	trace := pcommon.TraceID{1}
	for i := range 3 * maxContentEvents {
		r.Tell(trace, spanNumber(1), pcommon.Timestamp(i), textCall("hello"))
	}
	r.Tell(trace, spanNumber(2), 1, textCall(strings.Repeat("x", maxCallBytes+1)))
	r.Tell(trace, pcommon.SpanID{}, 1, textCall("no span"))
	r.Tell(pcommon.TraceID{}, spanNumber(3), 1, textCall("no trace"))
	r.Tell(trace, spanNumber(4), 1, &genai.Call{})
	assert.Len(t, r.contents.young, 1)
	call := genai.Call{Kind: genai.KindInference}
	assert.True(t, r.Complete(trace, spanNumber(1), &call))
	list, err := call.Input.List()
	assert.NoError(t, err)
	assert.Len(t, list, maxContentEvents)
	for i := range 10 {
		r.Tell(trace, spanNumber(5), pcommon.Timestamp(i), textCall(strings.Repeat("x", maxCallBytes/3)))
	}
	assert.Len(t, r.contents.get(callKey{trace, spanNumber(5)}), 2)
}

// Events are ordered by their time, and one that is sent again counts once, also
// when the generation has changed in between.
func TestContentInOrder(t *testing.T) {
	r := NewResolver(Options{})
	trace := pcommon.TraceID{1}
	tell := func(at int, text string) { r.Tell(trace, spanNumber(1), pcommon.Timestamp(at), textCall(text)) }
	tell(3, "c")
	tell(1, "a")
	r.contents.old, r.contents.young = r.contents.young, nil
	tell(2, "b")
	tell(3, "c")
	tell(3, "d")
	call := genai.Call{Kind: genai.KindInference}
	assert.True(t, r.Complete(trace, spanNumber(1), &call))
	assert.Equal(t, "a\nb\nc\nd", call.Input.Text())
	assert.Empty(t, r.contents.old)
}
