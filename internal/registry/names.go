// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spanloop/spanloop/internal/genai"
)

// MaxNameBytes bounds names of prompts, partials and tools.
const MaxNameBytes = 200

// versionsFolder holds a prompt's versions and so cannot be part of a name.
const versionsFolder = "versions"

// CheckName says why a text cannot be the name of a prompt, partial or tool.
// Names are paths below a folder: relative, without "." or ".." segments.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("a name is missing")
	case len(name) > MaxNameBytes:
		return fmt.Errorf("name %s is longer than %d bytes", show(name), MaxNameBytes)
	case !utf8.ValidString(name):
		return fmt.Errorf("name %s is not valid UTF-8", show(name))
	case strings.HasPrefix(name, "/"):
		return fmt.Errorf("name %s is an absolute path", show(name))
	case strings.Contains(name, `\`):
		return fmt.Errorf("name %s holds a backslash", show(name))
	}
	for segment := range strings.SplitSeq(name, "/") {
		if err := checkSegment(segment); err != nil {
			return fmt.Errorf("name %s: %w", show(name), err)
		}
	}
	return nil
}

// CheckVersion says why a text cannot be the name of a version. A version is
// one file name, and never a label such as production or latest.
func CheckVersion(version string) error {
	switch {
	case version == "":
		return errors.New("a version is missing")
	case len(version) > 100:
		return fmt.Errorf("version %s is longer than 100 bytes", show(version))
	case strings.ContainsAny(version, `/\@`):
		return fmt.Errorf(`version %s holds "/", "\" or "@"`, show(version))
	case genai.IsLabel(version):
		return fmt.Errorf("version %s is a label: labels move, versions never do; use releases for it", show(version))
	}
	if err := checkSegment(version); err != nil {
		return fmt.Errorf("version %s: %w", show(version), err)
	}
	return nil
}

func checkSegment(s string) error {
	switch {
	case s == "":
		return errors.New("an empty part")
	case s == ".." || s == ".":
		return fmt.Errorf("the part %q would leave its folder", s)
	case strings.HasPrefix(s, "."):
		return errors.New("a part begins with a dot")
	case s == versionsFolder:
		return errors.New(`the part "versions" is reserved`)
	case strings.TrimSpace(s) != s:
		return errors.New("a part begins or ends with a blank")
	case !utf8.ValidString(s):
		return errors.New("not valid UTF-8")
	}
	for _, r := range s {
		if unicode.IsControl(r) || !unicode.IsPrint(r) {
			return fmt.Errorf("the character %U", r)
		}
	}
	return nil
}

// labelAlias is the other common spelling of an environment.
func labelAlias(label string) string {
	switch strings.ToLower(label) {
	case "prod":
		return "production"
	case "production":
		return "prod"
	case "stg", "stage":
		return "staging"
	case "dev":
		return "development"
	case "development":
		return "dev"
	}
	return ""
}

// show quotes and shortens a text of unknown origin for a message.
func show(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return fmt.Sprintf("%q", s)
}
