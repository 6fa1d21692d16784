// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"strings"
)

// Roles of a turn.
const (
	roleUser      = "user"
	roleAssistant = "assistant"
	roleTool      = "tool"
)

// request is one call in the form that the policy reads, whichever API it came
// through.
type request struct {
	Model string
	// System is the system text, with all its parts joined by newlines.
	System string
	Turns  []turn
	Tools  []tool
	// Forced is the tool that must be called: a name, "*" for any, "-" for none.
	Forced      string
	JSON        bool
	MaxTokens   int
	Stop        []string
	Temperature *float64
	Seed        *int64
	Choices     int

	Stream       bool `json:"-"`
	StreamUsage  bool `json:"-"`
	promptTokens int
}

// turn is one message: text, tool calls (assistant) or a tool's result.
type turn struct {
	Role   string
	Text   string
	Calls  []toolCall
	CallID string
}

type toolCall struct{ ID, Name, Arguments string }

type tool struct {
	Name, Description string
	// Parameters is the JSON schema as it was sent.
	Parameters json.RawMessage
}

// hash is equal for requests that ask for the same thing; streaming does not
// count.
func (r *request) hash() uint64 {
	text, err := json.Marshal(r)
	if err != nil {
		text = []byte(r.System)
	}
	sum := sha256.Sum256(text)
	return binary.BigEndian.Uint64(sum[:8])
}

// lastUser is the newest text of the user.
func (r *request) lastUser() string {
	for i := len(r.Turns) - 1; i >= 0; i-- {
		if r.Turns[i].Role == roleUser {
			return r.Turns[i].Text
		}
	}
	return ""
}

// sinceUser are the turns after the user's newest one.
func (r *request) sinceUser() []turn {
	for i := len(r.Turns) - 1; i >= 0; i-- {
		if r.Turns[i].Role == roleUser {
			return r.Turns[i+1:]
		}
	}
	return r.Turns
}

// userText is all that the user wrote, oldest first.
func (r *request) userText() string {
	var b strings.Builder
	for _, t := range r.Turns {
		if t.Role == roleUser {
			b.WriteString(t.Text)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func (r *request) tool(name string) (tool, bool) {
	for _, t := range r.Tools {
		if t.Name == name {
			return t, true
		}
	}
	return tool{}, false
}

// answer is what the policy decided.
type answer struct {
	Text    string
	Calls   []toolCall
	Refused bool
	// Cut is true when the text ended at the token limit.
	Cut bool
	// StoppedAt is the stop sequence that ended the text.
	StoppedAt string
	Tokens    int
}

// tokens estimates the number of tokens of a text: four bytes each.
func tokens(text string) int { return (len(text) + 3) / 4 }

// countTokens estimates what the request costs: four tokens of framing per
// message beside the texts.
func (r *request) countTokens() int {
	n := 3 + tokens(r.System) + 4
	for _, t := range r.Turns {
		n += 4 + tokens(t.Text)
		for _, c := range t.Calls {
			n += 6 + tokens(c.Name) + tokens(c.Arguments)
		}
	}
	for _, t := range r.Tools {
		n += 8 + tokens(t.Name) + tokens(t.Description) + tokens(string(t.Parameters))
	}
	return n
}
