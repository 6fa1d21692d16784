// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "strings"

// Secrets are private keys, signed tokens, keys of services, credentials of an
// Authorization header and passwords within URLs.

// secretPrefix begins keys of well-known services, with the least number of
// characters that follow.
type secretPrefix struct {
	prefix string
	least  int
	// dotted keys have dots within.
	dotted bool
}

var secretPrefixes = []secretPrefix{
	{prefix: "sk-", least: 16}, {prefix: "sk_live_", least: 10}, {prefix: "sk_test_", least: 10}, {prefix: "rk_live_", least: 10}, {prefix: "rk_test_", least: 10}, {prefix: "pk_live_", least: 10}, {prefix: "whsec_", least: 16},
	{prefix: "ghp_", least: 20}, {prefix: "gho_", least: 20}, {prefix: "ghu_", least: 20}, {prefix: "ghs_", least: 20}, {prefix: "ghr_", least: 20}, {prefix: "github_pat_", least: 20}, {prefix: "glpat-", least: 16},
	{prefix: "xoxb-", least: 10}, {prefix: "xoxp-", least: 10}, {prefix: "xoxa-", least: 10}, {prefix: "xoxr-", least: 10}, {prefix: "xoxs-", least: 10}, {prefix: "xapp-", least: 10},
	{prefix: "AKIA", least: 16}, {prefix: "ASIA", least: 16}, {prefix: "AIza", least: 30}, {prefix: "hf_", least: 20}, {prefix: "npm_", least: 30}, {prefix: "pypi-", least: 30}, {prefix: "SG.", least: 30, dotted: true}, {prefix: "dop_v1_", least: 30},
	{prefix: "gsk_", least: 20}, {prefix: "r8_", least: 20}, {prefix: "lsv2_", least: 20}, {prefix: "pk-lf-", least: 20}, {prefix: "xai-", least: 20}, {prefix: "AGE-SECRET-KEY-", least: 20},
}

func isSecretByte(c byte) bool { return isAlnum(c) || c == '-' || c == '_' }

// prefixesByEnd are the prefixes by their last byte but one.
var prefixesByEnd = func() (table [256][]secretPrefix) {
	for _, p := range secretPrefixes {
		c := p.prefix[len(p.prefix)-2]
		table[c] = append(table[c], p)
	}
	return table
}()

// keyEnds are where the keys that were found last end: one of letters, digits,
// - and _, and one that may hold dots.
type keyEnds struct{ plain, dotted int }

// after finds a key whose prefix ends before i. What lies within a key that was
// found is looked at once.
func (k *keyEnds) after(s string, i int, found []match) []match {
	for _, p := range prefixesByEnd[s[i-2]] {
		start := i - len(p.prefix)
		if start < 0 || s[i-1] != p.prefix[len(p.prefix)-1] || s[start:i] != p.prefix || !begins(s, start) {
			continue
		}
		if i <= k.dotted || i <= k.plain && !p.dotted {
			continue
		}
		end := i
		for end < len(s) && (isSecretByte(s[end]) || s[end] == '.' && p.dotted) {
			end++
		}
		if end-i < p.least {
			continue
		}
		if p.dotted {
			k.dotted = end
		} else {
			k.plain = end
		}
		return append(found, match{start, end, RuleSecret})
	}
	return found
}

// scanPrivateKeys finds PEM blocks; one without an end reaches to the text's.
func scanPrivateKeys(s string, found []match) []match {
	const begin, mark, end = "-----BEGIN ", "PRIVATE KEY", "-----END "
	for from := 0; ; {
		at := strings.Index(s[from:], begin)
		if at < 0 {
			return found
		}
		start := from + at
		from = start + len(begin)
		head := s[from:min(len(s), from+60)]
		if label, _, closed := strings.Cut(head, "-----"); !closed && !strings.Contains(head, mark) || closed && !strings.Contains(label, mark) {
			continue
		}
		stop := len(s)
		if last := strings.Index(s[from:], end); last >= 0 {
			stop = from + last + len(end)
			if dashes := strings.Index(s[stop:], "-----"); dashes >= 0 && dashes < 60 {
				stop += dashes + len("-----")
			}
		}
		found = append(found, match{start, stop, RuleSecret})
		from = stop
	}
}

// scanTokens finds JSON Web Tokens: a header that begins with {", a payload, and
// a signature that may be empty.
func scanTokens(s string, found []match) []match {
	const least = 8
	for from := 0; ; {
		at := strings.Index(s[from:], "eyJ")
		if at < 0 {
			return found
		}
		start := from + at
		end := start
		for end < len(s) && isSecretByte(s[end]) {
			end++
		}
		from = end
		if !begins(s, start) || end-start < least || end >= len(s) || s[end] != '.' {
			continue
		}
		payload := end + 1
		for end = payload; end < len(s) && isSecretByte(s[end]); end++ {
		}
		if end-payload < least {
			continue
		}
		if end < len(s) && s[end] == '.' {
			for end++; end < len(s) && (isSecretByte(s[end]) || s[end] == '.'); end++ {
			}
			for s[end-1] == '.' {
				end--
			}
		}
		found = append(found, match{start, end, RuleSecret})
		from = end
	}
}

// scanAuthorization finds credentials after a scheme's name.
func scanAuthorization(s, scheme string, found []match) []match {
	const least = 16
	for from := 0; ; {
		at := strings.Index(s[from:], scheme)
		if at < 0 {
			return found
		}
		named := from + at
		start := named + len(scheme)
		end := start
		for end < len(s) && (isSecretByte(s[end]) || strings.IndexByte("+/.=~", s[end]) >= 0) {
			end++
		}
		from = end
		// A sentence that begins with such a word goes on with shorter ones.
		if begins(s, named) && end-start >= least {
			found = append(found, match{start, end, RuleSecret})
		}
	}
}

// scanURLs finds the password in scheme://user:password@host.
func scanURLs(s string, found []match) []match {
	for from := 0; ; {
		at := strings.Index(s[from:], "://")
		if at < 0 {
			return found
		}
		start := from + at + len("://")
		from = start
		colon := -1
		for i := start; i < len(s); i++ {
			c := s[i]
			if c == ':' && colon < 0 {
				colon = i
			}
			if c == '@' && colon >= 0 && i > colon+1 && !isToken(s[colon+1:i], RuleSecret) {
				found = append(found, match{colon + 1, i, RuleSecret})
				from = i
			}
			if c <= ' ' || strings.IndexByte("/?#@\"'<>\\", c) >= 0 {
				break
			}
		}
	}
}
