// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"encoding/json"
	"regexp"
	"strings"
	"sync"
)

// fault is a way in which tool arguments go wrong.
type fault string

const (
	// faultPrefix drops the "A-" of an order id.
	faultPrefix fault = "prefix"
	// faultAmount sends the amount as text, with its currency.
	faultAmount fault = "amount"
	// faultReason invents a refund reason.
	faultReason fault = "reason"
)

// rules is what the policy understood of a system text and its tools.
type rules struct {
	// Guards are the faults that an instruction warns against.
	Guards map[fault]bool
	// Brief asks for short answers.
	Brief bool
	// LookUpFirst asks to look an order up before refunding it.
	LookUpFirst bool
	// BroadSearch is true when the description of search_docs claims every
	// question.
	BroadSearch bool
}

// What the policy looks for. A sentence has to hold all expressions of a rule.
var (
	exactly     = regexp.MustCompile(`(?i)\b(exactly|verbatim|unchanged|character by character)\b`)
	orderID     = regexp.MustCompile(`(?i)\border (id|number)s?\b`)
	prefixWord  = regexp.MustCompile(`(?i)\bprefix\b|\bA-\d`)
	amounts     = regexp.MustCompile(`(?i)\bamounts?\b`)
	plainNumber = regexp.MustCompile(`(?i)\b(plain|bare|json) numbers?\b|\bwithout (a |the )?currency\b`)
	reasons     = regexp.MustCompile(`(?i)\breasons?\b`)
	onlyListed  = regexp.MustCompile(`(?i)\b(only|listed|lists|allowed|enum)\b`)
	brief       = regexp.MustCompile(`(?i)\b(be (brief|concise|short)|briefly|concisely|(in )?one or two sentences|short answers?|keep (it|answers) short)\b`)
	lookUp      = regexp.MustCompile(`(?i)\blook(s|ing)? (up )?(an|the|every|each) order\b.*\bbefore\b|\blookup_order\b.*\bbefore\b`)
	broad       = regexp.MustCompile(`(?i)\b(for )?any (kind of )?(question|request|topic)s?\b|\b(every|all) (question|request)s?\b|\balways (use|call) this\b`)
	negated     = regexp.MustCompile(`(?i)\b(do not|don't|never|no need to|need not)\b`)
)

// readRules reads a system text, sentence by sentence, and the descriptions of
// the tools. Descriptions of arguments guard as the system text does.
func readRules(r *request) rules {
	out := rules{Guards: map[fault]bool{}}
	for _, sentence := range sentences(r.System) {
		out.read(sentence)
	}
	for _, t := range r.Tools {
		if t.Name == "search_docs" {
			out.BroadSearch = broad.MatchString(t.Description)
			continue
		}
		out.guard(t.Description)
		for _, text := range descriptions(t.Parameters) {
			out.guard(text)
		}
	}
	return out
}

func (r *rules) read(sentence string) {
	meant := understand(sentence)
	r.add(meant)
	r.Brief = r.Brief || meant.brief
	r.LookUpFirst = r.LookUpFirst || meant.lookUpFirst
}

func (r *rules) guard(sentence string) { r.add(understand(sentence)) }

func (r *rules) add(meant meaning) {
	for _, kind := range meant.guards {
		r.Guards[kind] = true
	}
}

// meaning is what one sentence instructs.
type meaning struct {
	guards             []fault
	brief, lookUpFirst bool
}

// understood remembers sentences: the same prompts come again and again.
var understood struct {
	sync.Mutex
	sentences map[string]meaning
}

// maxUnderstood bounds the memory of sentences.
const maxUnderstood = 10_000

func understand(sentence string) meaning {
	understood.Lock()
	defer understood.Unlock()
	if m, ok := understood.sentences[sentence]; ok {
		return m
	}
	if understood.sentences == nil || len(understood.sentences) >= maxUnderstood {
		understood.sentences = map[string]meaning{}
	}
	m := interpret(sentence)
	understood.sentences[strings.Clone(sentence)] = m
	return m
}

func interpret(sentence string) meaning {
	var m meaning
	if negated.MatchString(sentence) {
		return m
	}
	if exactly.MatchString(sentence) && (orderID.MatchString(sentence) || prefixWord.MatchString(sentence)) {
		m.guards = append(m.guards, faultPrefix)
	}
	if amounts.MatchString(sentence) && plainNumber.MatchString(sentence) {
		m.guards = append(m.guards, faultAmount)
	}
	if reasons.MatchString(sentence) && onlyListed.MatchString(sentence) {
		m.guards = append(m.guards, faultReason)
	}
	m.brief, m.lookUpFirst = brief.MatchString(sentence), lookUp.MatchString(sentence)
	return m
}

// sentences splits at line ends and at full stops that end a sentence.
func sentences(text string) []string {
	return strings.FieldsFunc(strings.NewReplacer(". ", "\n", "! ", "\n", "? ", "\n").Replace(text), func(c rune) bool {
		return c == '\n'
	})
}

// descriptions are the texts of a JSON schema that are meant for the model.
func descriptions(schema json.RawMessage) []string {
	var value any
	if json.Unmarshal(schema, &value) != nil {
		return nil
	}
	var out []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if text, ok := v["description"].(string); ok {
				out = append(out, text)
			}
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(value)
	return out
}
