// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"github.com/tidwall/gjson"
)

// maxJSONDepth bounds the nesting of JSON that is read. Real tool schemas nest
// to a few dozen levels.
const maxJSONDepth = 512

// ValidJSON tells whether text is valid JSON that nests to at most 512 levels.
// Anything that came from a span must pass it before it is parsed: gjson.Valid
// recurses once a level, so that a few megabytes of brackets would exhaust the
// stack and end the process.
func ValidJSON(text string) bool {
	return !nestsDeeper(text, maxJSONDepth) && gjson.Valid(text)
}

// nestsDeeper tells whether the brackets of text outside strings nest deeper
// than limit.
func nestsDeeper(text string, limit int) bool {
	if len(text) <= limit {
		return false
	}
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '[', '{':
			if depth++; depth > limit {
				return true
			}
		case ']', '}':
			depth--
		case '"':
			i = skipString(text, i)
		}
	}
	return false
}

// skipString returns the index of the quote that closes the string that opens
// at i, or len(text) when none does.
func skipString(text string, i int) int {
	for i++; i < len(text); i++ {
		next := strings.IndexByte(text[i:], '"')
		if next < 0 {
			return len(text)
		}
		i += next
		if !escaped(text, i) {
			return i
		}
	}
	return len(text)
}

// escaped tells whether the byte at i follows an odd number of backslashes.
func escaped(text string, i int) bool {
	odd := false
	for i--; i >= 0 && text[i] == '\\'; i-- {
		odd = !odd
	}
	return odd
}

// skipSpace returns the index of the first byte at or after i that is no JSON
// white space.
func skipSpace(text string, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}

// firstMember returns the index at which the value of a member of the first
// object of a JSON array begins, or -1. It reads no further than that member
// and gives up where text is no JSON.
func firstMember(text, member string) int {
	i := skipSpace(text, 0)
	if i >= len(text) || text[i] != '[' {
		return -1
	}
	if i = skipSpace(text, i+1); i >= len(text) || text[i] != '{' {
		return -1
	}
	for i = skipSpace(text, i+1); i < len(text) && text[i] == '"'; {
		end := skipString(text, i)
		if end >= len(text) {
			return -1
		}
		key := text[i+1 : end]
		if i = skipSpace(text, end+1); i >= len(text) || text[i] != ':' {
			return -1
		}
		if i = skipSpace(text, i+1); i >= len(text) {
			return -1
		}
		if key == member {
			return i
		}
		if i = skipSpace(text, skipValue(text, i)); i >= len(text) || text[i] != ',' {
			return -1
		}
		i = skipSpace(text, i+1)
	}
	return -1
}

// skipValue returns the index after the JSON value that begins at i.
func skipValue(text string, i int) int {
	depth := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '"':
			if i = skipString(text, i); i >= len(text) {
				return i
			}
		case '[', '{':
			depth++
		case ']', '}':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return i
}

// maxGlanceDepth is how deep likelyJSON follows brackets.
const maxGlanceDepth = 64

// likelyJSON tells cheaply whether text can be one JSON array or object: its
// strings end where one may end, its brackets match, and nothing stands outside
// that JSON does not know. It may be wrong about text that it takes for JSON
// (a comma too many), never about text that it refuses.
func likelyJSON(text string) bool {
	if !looksClosed(text) {
		return false
	}
	var open [maxGlanceDepth]byte
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"':
			if i = skipString(text, i); i == len(text) || !mayFollowString(text, i+1) {
				return false
			}
		case '[', '{':
			if depth == maxGlanceDepth {
				return true
			}
			open[depth] = c + 2
			depth++
		case ']', '}':
			if depth == 0 || open[depth-1] != c {
				return false
			}
			depth--
		case 't', 'f', 'n':
			n := literal(text[i:])
			if n == 0 {
				return false
			}
			i += n - 1
		case ' ', '\t', '\n', '\r', ',', ':', '-', '+', '.', 'e', 'E', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		default:
			return false
		}
	}
	return depth == 0
}

// mayFollowString tells whether what stands at i may come after a string.
func mayFollowString(text string, i int) bool {
	for ; i < len(text); i++ {
		switch text[i] {
		case ' ', '\t', '\n', '\r':
		case ',', ':', ']', '}':
			return true
		default:
			return false
		}
	}
	return false
}

// literal is the length of the literal that text begins with, or 0.
func literal(text string) int {
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(text, word) {
			return len(word)
		}
	}
	return 0
}
