// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spanloop/spanloop/internal/registry"
)

func itoa(n int) string { return strconv.Itoa(n) }

// maxSegments is how deep the registry's folders are read.
const maxSegments = 16

// RegistryName is the name of a prompt in the registry: the system's own where that
// is one, otherwise with what is in the way written as %XX. Since "%" itself is
// always written so, no two names become one, and OriginalName takes it back.
func RegistryName(name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", errors.New("its name is not valid UTF-8")
	}
	var b strings.Builder
	for i, segment := range strings.Split(name, "/") {
		if i > 0 && (segment == "" || i == 1 && b.Len() == 0) {
			b.WriteString("%2F")
		} else if i > 0 {
			b.WriteByte('/')
		}
		escapeSegment(&b, segment)
	}
	mapped := b.String()
	if err := registry.CheckName(mapped); err != nil {
		if len(mapped) > registry.MaxNameBytes {
			return "", fmt.Errorf("its name is longer than %d bytes", registry.MaxNameBytes)
		}
		return "", err
	}
	if strings.Count(mapped, "/") >= maxSegments {
		return "", fmt.Errorf("its name has more than %d parts", maxSegments)
	}
	return mapped, nil
}

func escapeSegment(b *strings.Builder, segment string) {
	trimmed := strings.TrimSpace(segment)
	for i, r := range segment {
		blank := unicode.IsSpace(r)
		outer := blank && (i < strings.Index(segment, trimmed) || i >= strings.Index(segment, trimmed)+len(trimmed))
		switch {
		case r == '%' || r == '\\' || unicode.IsControl(r) || !unicode.IsPrint(r) || outer,
			i == 0 && r == '.', i == 0 && segment == "versions":
			for _, c := range []byte(string(r)) {
				fmt.Fprintf(b, "%%%02X", c)
			}
		default:
			b.WriteRune(r)
		}
	}
}

// OriginalName is the name that RegistryName was given.
func OriginalName(mapped string) (string, error) { return url.PathUnescape(mapped) }

// registryVersion is the name of a version in the registry, mapped in the same way.
func registryVersion(number string) (string, error) {
	var b strings.Builder
	escapeSegment(&b, number)
	mapped := strings.NewReplacer("/", "%2F", "@", "%40").Replace(b.String())
	return mapped, registry.CheckVersion(mapped)
}

// Wanted makes a filter of names from a pattern with * and ?; nil patterns want all.
func Wanted(pattern string) func(string) bool {
	if pattern == "" {
		return func(string) bool { return true }
	}
	quoted := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(pattern))
	matcher := regexp.MustCompile(`(?s)^` + quoted + `$`)
	return matcher.MatchString
}
