// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package redact replaces what identifies people, and secrets, by stable tokens:
// the same value has the same token under one key, so that hashes, joins and
// replays work on redacted text as they did on the original.
package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Rules that are built in.
const (
	RuleEmail  = "email"
	RulePhone  = "phone"
	RuleCard   = "card"
	RuleIBAN   = "iban"
	RuleIP     = "ip"
	RuleSecret = "secret"
)

// Rules lists the built-in rules.
var Rules = []string{RuleEmail, RulePhone, RuleCard, RuleIBAN, RuleIP, RuleSecret}

// MinKey is the least number of bytes of a key.
const MinKey = 16

// Pattern is a rule of the user's own.
type Pattern struct {
	// Name is what the tokens are called: lower-case letters, digits, _ and -.
	Name string
	// Expression is in Go's RE2 syntax; its matches are replaced whole.
	Expression string
}

// Options configure a Redactor.
type Options struct {
	// Key makes the tokens: who has it can find short values by trying.
	Key []byte
	// Rules are the built-in rules that apply; nil for all.
	Rules    []string
	Patterns []Pattern
	// Keep are attribute keys whose values stay as they are.
	Keep []string
	// Hashes replaces texts of telemetry whole.
	Hashes bool
}

// Redactor redacts texts and telemetry. It is safe for concurrent use.
type Redactor struct {
	key      []byte
	on       ruleSet
	patterns []pattern
	keep     map[string]bool
	memory   *memory
	macs     sync.Pool
	hashes   bool
}

type pattern struct {
	name   string
	prefix string
	re     *regexp.Regexp
}

var patternName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

// Problem is what is wrong with an option. Key is its name in a configuration:
// key, rules[0], patterns[0].
type Problem struct {
	Key string
	Err error
}

// Problems are all that is wrong with Options.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].Key + ": " + p[i].Err.Error()
	}
	return strings.Join(lines, "\n")
}

// ProblemKey is the Key of a problem with Options.Key.
const ProblemKey = "key"

// New makes a Redactor; the error is Problems.
func New(o Options) (*Redactor, error) {
	r := &Redactor{key: slices.Clone(o.Key), keep: map[string]bool{}, memory: newMemory(), hashes: o.Hashes}
	var problems Problems
	if len(o.Key) < MinKey {
		problems = append(problems, Problem{ProblemKey, fmt.Errorf("a secret of at least %d characters is expected (openssl rand -hex 32 makes one): "+
			"without it, anybody could find short values by trying", MinKey)})
	}
	rules := o.Rules
	if rules == nil {
		rules = Rules
	}
	for i, name := range rules {
		at := slices.Index(Rules, name)
		if at < 0 {
			problems = append(problems, Problem{fmt.Sprintf("rules[%d]", i), fmt.Errorf("%q is not one of %s", name, strings.Join(Rules, ", "))})
			continue
		}
		r.on |= 1 << at
	}
	for i, p := range o.Patterns {
		if err := r.addPattern(p); err != nil {
			problems = append(problems, Problem{fmt.Sprintf("patterns[%d]", i), err})
		}
	}
	for _, key := range o.Keep {
		r.keep[key] = true
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return r, nil
}

func (r *Redactor) addPattern(p Pattern) error {
	if !patternName.MatchString(p.Name) {
		return fmt.Errorf("name: %q is no name of lower-case letters, digits, _ and -", p.Name)
	}
	if slices.Contains(Rules, p.Name) || p.Name == hashName || slices.ContainsFunc(r.patterns, func(q pattern) bool { return q.name == p.Name }) {
		return fmt.Errorf("name: %q is taken", p.Name)
	}
	re, err := regexp.Compile(p.Expression)
	if err != nil {
		return fmt.Errorf("regex: %w", err)
	}
	if re.MatchString("") {
		return fmt.Errorf("regex: %q matches the empty text", p.Expression)
	}
	prefix, _ := re.LiteralPrefix()
	r.patterns = append(r.patterns, pattern{name: p.Name, prefix: prefix, re: re})
	return nil
}

// ruleSet is a set of built-in rules, a bit for each.
type ruleSet uint8

const (
	emails ruleSet = 1 << iota
	phones
	cards
	ibans
	addresses
	secrets
)

// match is a part of a text that a rule matches.
type match struct {
	start, end int
	rule       string
}

// scan finds what is to be replaced in a text.
func (r *Redactor) scan(s string, own bool, found []match) []match {
	found = scanBuiltIn(s, r.on, found)
	if !own {
		return found
	}
	for i := range r.patterns {
		p := &r.patterns[i]
		if p.prefix != "" && !strings.Contains(s, p.prefix) {
			continue
		}
		for _, at := range p.re.FindAllStringIndex(s, -1) {
			if at[0] < at[1] {
				found = append(found, match{at[0], at[1], p.name})
			}
		}
	}
	return found
}

// plain redacts a text that is no JSON and says how often.
func (r *Redactor) plain(s string, own bool) (string, int) {
	var room [8]match
	return r.replace(s, r.scan(s, own, room[:0]))
}

// replace puts tokens in place of matches.
func (r *Redactor) replace(s string, found []match) (string, int) {
	if len(found) == 0 {
		return s, 0
	}
	found = merge(found)
	out := make([]byte, 0, len(s)+len(found)*16)
	last := 0
	for _, m := range found {
		out = append(out, s[last:m.start]...)
		out = r.appendToken(out, m.rule, s[m.start:m.end])
		last = m.end
	}
	// What stood right beside a match may be a value now; tokens never are.
	text, more := r.plain(string(append(out, s[last:]...)), false)
	return text, len(found) + more
}

// merge makes one of matches that overlap, of the rule that matched most: what
// only a part of them would leave is replaced too.
func merge(found []match) []match {
	slices.SortFunc(found, func(a, b match) int {
		if a.start != b.start {
			return a.start - b.start
		}
		return b.end - a.end
	})
	kept, longest := found[:1], found[0].end-found[0].start
	for _, m := range found[1:] {
		last := &kept[len(kept)-1]
		if m.start >= last.end {
			kept, longest = append(kept, m), m.end-m.start
			continue
		}
		if m.end-m.start > longest {
			last.rule, longest = m.rule, m.end-m.start
		}
		last.end = max(last.end, m.end)
	}
	return kept
}

// appendToken appends a value's token.
func (r *Redactor) appendToken(dst []byte, rule, value string) []byte {
	dst = append(append(append(dst, '['), rule...), ':')
	return append(r.appendDigest(dst, rule, canonical(rule, value)), ']')
}

// appendDigest appends 16 letters, 64 bits. There are no digits among them, so
// that no token looks like a number to redact.
func (r *Redactor) appendDigest(dst []byte, rule, value string) []byte {
	mac, ok := r.macs.Get().(*keyed)
	if !ok {
		mac = &keyed{Hash: hmac.New(sha256.New, r.key)}
	}
	defer r.macs.Put(mac)
	mac.Reset()
	mac.text = append(append(append(mac.text[:0], rule...), 0), value...)
	mac.Write(mac.text)
	if cap(mac.text) > maxKeyed {
		mac.text = nil
	}
	mac.sum = mac.Sum(mac.sum[:0])
	for _, b := range mac.sum[:8] {
		dst = append(dst, 'a'+b>>4, 'a'+b&15)
	}
	return dst
}

// keyed is an HMAC under the key, with memory of its own.
type keyed struct {
	hash.Hash
	text, sum []byte
}

// maxKeyed bounds the memory that one keeps.
const maxKeyed = 1 << 16

// canonical makes different spellings of a value one: letters of one case in
// addresses and account numbers, numbers without what separates their digits.
func canonical(rule, value string) string {
	switch rule {
	case RuleEmail:
		return strings.ToLower(strings.ReplaceAll(value, "%40", "@"))
	case RuleCard, RuleIBAN, RulePhone:
		return strings.ToUpper(strings.Map(func(c rune) rune {
			if c == '+' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
				return c
			}
			return -1
		}, value))
	}
	return value
}

// Text redacts a text. In JSON the strings and numbers are redacted as they
// mean, whatever their escapes, and it stays JSON. It returns how many values
// were replaced.
func (r *Redactor) Text(s string) (string, int) { return r.text(s, 0) }

// hashName begins the tokens of whole texts.
const hashName = "text"

// isToken tells whether a text is a token of a rule.
func isToken(s, rule string) bool {
	letters, found := strings.CutPrefix(s, "["+rule+":")
	letters, closed := strings.CutSuffix(letters, "]")
	return found && closed && len(letters) == 16 && strings.Trim(letters, "abcdefghijklmnop") == ""
}

// Hash returns the token of a whole text: its digest and its length in
// characters, nothing else. The empty text, and such a token, stay as they are.
func (r *Redactor) Hash(s string) string {
	if s == "" || r.isWholeToken(s) {
		return s
	}
	if len(s) < minRemembered {
		return r.hashToken(s)
	}
	print := r.memory.printOf(s)
	if result, ok := r.memory.find(print, wholeText); ok {
		return result.text
	}
	token := r.hashToken(s)
	r.memory.remember(print, wholeText, known{token, 1})
	return token
}

func (r *Redactor) hashToken(s string) string {
	dst := append(r.appendDigest([]byte("["+hashName+":"), hashName, s), ':')
	return string(append(strconv.AppendInt(dst, int64(utf8.RuneCountInString(s)), 10), ']'))
}
