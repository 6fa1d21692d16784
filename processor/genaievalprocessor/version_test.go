// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestVersionMatch(t *testing.T) {
	for _, c := range []struct {
		match string
		yes   []string
		no    []string
	}{
		{"3.1", []string{"3.1"}, []string{"v3.1", "3.10", ""}},
		{"v3.*", []string{"v3.1", "v3.", "v3.1-rc"}, []string{"v4", "3.1"}},
		{"?", []string{"1", "é"}, []string{"", "12"}},
		{">=3.1", []string{"3.1", "v3.1", "3.10", "4", "3.1.0", "3.2-rc1", "10"}, []string{"3.0", "3", "2.9", "latest", "", "x3.2"}},
		{">=3.1 <4", []string{"3.1", "v3.9.9", "3.999"}, []string{"4", "4.0", "v3.0.9", "v4.0.1"}},
		{">3.1", []string{"3.1.1", "3.2"}, []string{"3.1", "3.1.0", "3.0"}},
		{"<=3.1", []string{"3.1", "3.1.0", "0"}, []string{"3.1.1", "4"}},
		{"=3.1", []string{"3.1", "v3.1.0", "03.1"}, []string{"3.1.1", "3"}},
		{">=v2 <v10", []string{"2", "9.9", "v9"}, []string{"10", "1", "100"}},
		{"  >=2  ", []string{"2"}, []string{"1"}},
		{">=99999999999999999999999", []string{"99999999999999999999999", "100000000000000000000000"}, []string{"99999999999999999999998"}},
	} {
		match, err := parseVersionMatch(c.match)
		require.NoError(t, err, c.match)
		for _, version := range c.yes {
			assert.True(t, match(version), "%s on %s", c.match, version)
		}
		for _, version := range c.no {
			assert.False(t, match(version), "%s on %s", c.match, version)
		}
	}
	match, err := parseVersionMatch(" ")
	require.NoError(t, err)
	assert.Nil(t, match, "no match is for every version")
	for _, wrong := range []string{">=", "> 3", ">=3..1", "=>3", ">=3,<4", "<latest", ">=3.1 || <2", ">=-1"} {
		_, err := parseVersionMatch(wrong)
		assert.Error(t, err, wrong)
	}
}

// FuzzVersionMatch: bounds are an order, whatever stands in them.
func FuzzVersionMatch(f *testing.F) {
	f.Add(">=3.1 <4", "v3.2")
	f.Add("3", strings.Repeat("9", 50))
	f.Fuzz(func(t *testing.T, match, version string) {
		if holds, err := parseVersionMatch(match); err == nil && holds != nil {
			holds(version)
		}
		if len(strings.Fields(version)) != 1 {
			return
		}
		below, err := parseVersionMatch("<" + version)
		if err != nil {
			return
		}
		above, err := parseVersionMatch(">=" + version)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range []string{"0", "1", "3.1", version, version + ".1"} {
			if below(other) == above(other) {
				t.Fatalf("%s is both or neither below and above %s", other, version)
			}
		}
		if !above(version) {
			t.Fatalf("%s is below itself", version)
		}
	})
}
