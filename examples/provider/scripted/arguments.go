// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// Probabilities that arguments are wrong: by whether an instruction guards
// against the fault, and by whether the user wrote in a form that invites it.
const (
	guardedPlain    = 0.03
	guardedInviting = 0.10
	barePlain       = 0.08
	bareInviting    = 0.82
	// afterError is the probability that a corrected call is wrong again.
	afterError = 0.05
)

// argumentWriter writes the arguments of tool calls.
type argumentWriter struct {
	rng   *rand.Rand
	model Model
	rules rules
	// retry is true when the tool has just refused the arguments.
	retry bool
}

// fault decides whether the arguments go wrong, and how. Possible are the
// faults that the tool's arguments allow, inviting those that the user's words
// invite.
func (w *argumentWriter) fault(possible, inviting []fault) (fault, bool) {
	kind, p := pick(w.rng, possible), 0.0
	if len(inviting) > 0 {
		kind = pick(w.rng, inviting)
	}
	switch guarded, invited := w.rules.Guards[kind], len(inviting) > 0; {
	case w.retry:
		p = afterError
	case guarded && invited:
		p = guardedInviting
	case guarded:
		p = guardedPlain
	case invited:
		p = bareInviting
	default:
		p = barePlain
	}
	p = 1 - (1-p)*(1-w.model.ExtraFaults)
	return kind, chance(w.rng, p)
}

func (w *argumentWriter) lookUp(m mention) string {
	var inviting []fault
	if m.Numbered {
		inviting = []fault{faultPrefix}
	}
	if _, wrong := w.fault([]fault{faultPrefix}, inviting); wrong {
		m.ID = m.ID[2:]
	}
	return object("order_id", m.ID)
}

func (w *argumentWriter) refund(m mention, c claim) string {
	var inviting []fault
	if m.Numbered {
		inviting = append(inviting, faultPrefix)
	}
	if c.Currency {
		inviting = append(inviting, faultAmount)
	}
	if c.Odd {
		inviting = append(inviting, faultReason)
	}
	id, reason := m.ID, c.Reason
	var amount any = json.Number(c.Amount)
	if kind, wrong := w.fault([]fault{faultPrefix, faultAmount, faultReason}, inviting); wrong {
		switch kind {
		case faultPrefix:
			id = id[2:]
		case faultAmount:
			amount = c.Amount + " EUR"
		case faultReason:
			reason = pick(w.rng, []string{"customer_request", "changed_mind", "goodwill", "not_satisfied"})
		}
	}
	return object("order_id", id, "amount", amount, "reason", reason)
}

// object writes a JSON object with its members in the given order, without
// spaces.
func object(members ...any) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := 0; i+1 < len(members); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quote(members[i]))
		b.WriteByte(':')
		b.WriteString(quote(members[i+1]))
	}
	b.WriteByte('}')
	return b.String()
}

// quote is the JSON of a value, with <, > and & as they are.
func quote(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return "null"
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// fromSchema makes up arguments for a tool that the policy does not know: one
// plain value for each required property.
func fromSchema(parameters json.RawMessage) string {
	schema := gjson.ParseBytes(parameters)
	var required []string
	for _, name := range schema.Get("required").Array() {
		required = append(required, name.String())
	}
	var members []any
	schema.Get("properties").ForEach(func(name, property gjson.Result) bool {
		if slices.Contains(required, name.String()) {
			members = append(members, name.String(), plainValue(property))
		}
		return true
	})
	return object(members...)
}

func plainValue(property gjson.Result) any {
	if options := property.Get("enum").Array(); len(options) > 0 {
		return json.RawMessage(options[0].Raw)
	}
	switch property.Get("type").String() {
	case "integer", "number":
		return json.Number(strconv.FormatInt(property.Get("minimum").Int(), 10))
	case "boolean":
		return false
	case "array":
		return []any{}
	case "object":
		return map[string]any{}
	}
	return "example"
}
