// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// pieces are what random texts are made of: white space of all kinds, letters
// beside it in the code, characters of several bytes, and bytes that are none.
var pieces = []string{
	" ", "\t", "\n", "\v", "\f", "\r", "\x08", "\x0e", "\x1f", "!", "a", "bcd", "efghijkl", "\x7f", "\x00",
	"\u0085", "\u00a0", "\u2003", "\u3000", "é", "世", "😀", "\x80", "\xff", "\xc2", "\xe2\x80", "NOT", "n't ", "'t ", "’t ",
	"Can", "t ", "declİne", "refuſe", "unable", "wont ", "i ", "I", "cannot ", "help",
}

func randomText(random *rand.Rand, most int) string {
	var b strings.Builder
	for range random.IntN(most) {
		b.WriteString(pieces[random.IntN(len(pieces))])
	}
	return b.String()
}

// Counting eight bytes at a time counts what the standard library counts.
func checkCounts(t *testing.T, text string) {
	t.Helper()
	require.Equal(t, len(strings.Fields(text)), wordCount(text), "words of %q", text)
	require.Equal(t, utf8.RuneCountInString(text), runeCount(text), "characters of %q", text)
}

func TestCounts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		checkCounts(t, randomText(random, 40))
	}
	for c := range 256 {
		checkCounts(t, strings.Repeat("a", c%17)+string([]byte{byte(c)})+"b c")
	}
}

// The quick look for hints never hides a refusal.
func checkDeclines(t *testing.T, text string) {
	t.Helper()
	head := strings.ToLower(text[:min(len(text), refusalHead)])
	want := false
	for _, hint := range refusalHints {
		want = want || strings.Contains(head, hint)
	}
	if found, known := hintIn(text[:min(len(text), refusalHead)]); known {
		require.Equal(t, want, found, "%q", text)
	}
	require.Equal(t, want && refusals.MatchString(head), declines(text), "%q", text)
}

func TestHints(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		checkDeclines(t, randomText(random, 30))
	}
	for _, text := range []string{"", "I'm sorry, but I CAN'T help with that.", "I can’t help", "I cant help", "no", "I declİne", strings.Repeat("x", refusalHead-2) + "not"} {
		checkDeclines(t, text)
	}
	require.True(t, declines("I'm sorry, but I CAN'T help with that."))
}

func FuzzCounts(f *testing.F) {
	for _, piece := range pieces {
		f.Add(piece + "twelve letters " + piece)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkCounts(t, text)
		checkDeclines(t, text)
	})
}

// The quick look tells hints apart by their first letter.
func TestHintsBeginDifferently(t *testing.T) {
	seen := map[byte]bool{}
	for _, hint := range refusalHints {
		require.False(t, seen[hint[0]], hint)
		seen[hint[0]] = true
		require.Greater(t, len(hint), 1)
	}
}
