// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/race"
)

// vocabulary are words of static text; values of slots are made of others.
var vocabulary = strings.Fields(`answer every question about kites with care and patience write plain text only when orders arrive late explain why
	offer refunds within sixty days never promise delivery dates check weather before flying recommend reels ropes sails by wind strength
	keep sentences short avoid jargon mention safety rules near beaches airports power lines respect privacy close politely`)

// made is a random template: static stretches between slots.
type made struct {
	parts []string
	kinds []int
}

func randomTemplate(r *rand.Rand) made {
	var t made
	slots := 1 + r.IntN(4)
	for i := range slots + 1 {
		var words []string
		for range 6 + r.IntN(10) {
			words = append(words, vocabulary[r.IntN(len(vocabulary))])
		}
		// A mark of its own, so that no other stretch is like it.
		words = append(words, fmt.Sprintf("mark%c%c", 'a'+r.IntN(26), 'a'+i))
		text := strings.Join(words, " ")
		if i < slots {
			text += []string{": ", " (", "\n", " "}[r.IntN(4)]
			t.kinds = append(t.kinds, r.IntN(6))
		}
		if i > 0 {
			text = []string{". ", ", ", "\n", ") "}[r.IntN(4)] + text
		}
		t.parts = append(t.parts, text)
	}
	return t
}

func (t made) render(r *rand.Rand) (string, []string) {
	text := t.parts[0]
	var values []string
	for i, kind := range t.kinds {
		value := ""
		switch kind {
		case 0:
			value = fmt.Sprintf("20%02d-%02d-%02d", 10+r.IntN(50), 1+r.IntN(12), 1+r.IntN(28))
		case 1:
			value = fmt.Sprint(r.IntN(100000))
		case 2:
			value = fmt.Sprintf("u%d@mail%d.example", r.IntN(1000), r.IntN(9))
		case 3:
			value = fmt.Sprintf("%08x-90b5-4c0e-8d2a-%012x", r.Uint32(), r.Uint64()&0xffffffffffff)
		default:
			var words []string
			for range 1 + r.IntN(4) {
				words = append(words, fmt.Sprintf("v%cq%cz", 'a'+r.IntN(26), 'a'+r.IntN(26)))
			}
			value = strings.Join(words, " ")
		}
		values = append(values, value)
		text += value + t.parts[i+1]
	}
	return text, values
}

// Whatever the template, one prompt of one version is found, every text is of it,
// and the values are the ones that were rendered.
func TestTemplatesAreFoundAgain(t *testing.T) {
	for seed := range uint64(race.Fewer(150, 15)) {
		r := rand.New(rand.NewPCG(seed, 7))
		from := randomTemplate(r)
		var want [][]string
		calls := traffic(RoleSystem, 60, func(int) string {
			text, values := from.render(r)
			want = append(want, values)
			return text
		})
		found := find(t, calls)
		require.Len(t, texts(found), 1, "seed %d: %q\n%q", seed, from.parts, texts(found))
		v := found.Proposals[0].Versions[0]
		for i, c := range calls {
			values := v.Pattern.Match(c.Text)
			require.Equal(t, want[i], values, "seed %d: %q", seed, from.parts)
			require.Empty(t, v.Pattern.unsure(c.Text))
		}
		for range 50 {
			text, values := from.render(r)
			require.Equal(t, values, v.Pattern.Match(text), "a text that was not seen")
		}
		_, _, _, err := v.Sources()
		require.NoError(t, err)
	}
}

// Two templates that differ in a stretch are two versions of one prompt, each call
// counted where it belongs.
func TestVersionsAreFoundAgain(t *testing.T) {
	for seed := range uint64(race.Fewer(60, 8)) {
		r := rand.New(rand.NewPCG(seed, 8))
		first := randomTemplate(r)
		second := made{parts: slices.Clone(first.parts), kinds: first.kinds}
		k := r.IntN(len(second.parts))
		second.parts[k] = strings.Replace(second.parts[k], " mark", " unless somebody says otherwise in so many words mark", 1)
		calls := traffic(RoleSystem, 90, func(i int) string {
			from := first
			if i%3 == 0 {
				from = second
			}
			text, _ := from.render(r)
			return text
		})
		found := find(t, calls)
		require.Len(t, found.Proposals, 1, "seed %d", seed)
		versions := found.Proposals[0].Versions
		require.Len(t, versions, 2, "seed %d: %q", seed, texts(found))
		counts := []int64{versions[0].Calls, versions[1].Calls}
		slices.Sort(counts)
		assert.Equal(t, []int64{30, 60}, counts)
	}
}

// Tokens are the text, whatever it is.
func FuzzTokens(f *testing.F) {
	for _, text := range []string{"", "User: Ann\nToday is 2026-11-25T10:00:00Z, 3,000.50 ORD-1", "a@b.c \xff\x00 é 1-", "May 5 Mon 10:30 pm.", "customer id:\t \n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		joined := ""
		for _, token := range tokens(text) {
			if token.text == "" {
				t.Fatal("an empty token")
			}
			joined += token.text
		}
		if joined != text {
			t.Fatalf("%q became %q", text, joined)
		}
	})
}

func FuzzAlign(f *testing.F) {
	f.Add([]byte("abcabc"), []byte("abxcab"))
	f.Add([]byte(strings.Repeat("ab", 400)), []byte(strings.Repeat("ba", 700)))
	f.Fuzz(func(t *testing.T, x, y []byte) {
		ids := func(bytes []byte) []uint32 {
			var out []uint32
			for _, b := range bytes[:min(len(bytes), 2000)] {
				out = append(out, uint32(b))
			}
			return out
		}
		a, b := ids(x), ids(y)
		last := pair{-1, -1}
		for _, p := range align(a, b, nil) {
			if p.a <= last.a || p.b <= last.b || a[p.a] != b[p.b] {
				t.Fatalf("%v after %v", p, last)
			}
			last = p
		}
	})
}

// Whatever the texts, what is proposed matches what it counts, in any order.
func FuzzFind(f *testing.F) {
	f.Add("You are a {{bot}} for user 1 and nobody else here.\x1fYou are a {{bot}} for user 2 and nobody else here.", uint64(1))
	f.Add("User: a\nAnswer kindly, in short sentences, please\x1fUser: b\nAnswer kindly, in short sentences, please\x1f\x00\xff", uint64(2))
	f.Add("same text that is long enough to be one\x1fsame text that is long enough to be two\x1fsame text that is long enough to be\n\n", uint64(3))
	f.Fuzz(func(t *testing.T, joined string, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 9))
		parts := strings.Split(joined, "\x1f")
		if len(parts) > 40 || len(joined) > 4000 {
			return
		}
		var calls []Call
		for range 60 {
			text := parts[r.IntN(len(parts))]
			if r.IntN(3) == 0 {
				text = strings.ReplaceAll(text, " a ", fmt.Sprintf(" %x ", r.Uint64()))
			}
			calls = append(calls, Call{Role: []string{RoleSystem, RoleUser}[len(text)%2], Text: text, Start: began})
		}
		found, err := Find(each(calls), Options{MinCalls: 3, MinValues: 3})
		if err != nil {
			t.Fatal(err)
		}
		counted := int64(0)
		for _, p := range found.Proposals {
			if p.Name == "" || len(p.Versions) == 0 {
				t.Fatalf("%+v", p)
			}
			for _, v := range p.Versions {
				counted += v.Calls
				matches := 0
				for _, c := range calls {
					values := v.Pattern.Match(c.Text)
					if values == nil || c.Role != p.Role {
						continue
					}
					matches++
					again, k := "", 0
					for _, s := range v.Pattern {
						if s.Slot < 0 {
							again += s.Text
						} else {
							again += values[k]
							k++
						}
					}
					if again != c.Text {
						t.Fatalf("%q is taken apart as %q", c.Text, again)
					}
				}
				if int64(matches) < v.Calls {
					t.Fatalf("%d match, %d are counted", matches, v.Calls)
				}
				if _, _, _, err := v.Sources(); err != nil {
					t.Fatalf("%q: %v", v.Pattern.Text(v.Slots), err)
				}
			}
		}
		if counted != found.Proposed {
			t.Fatalf("%d and %d", counted, found.Proposed)
		}
		before := fmt.Sprint(found)
		r.Shuffle(len(calls), func(i, k int) { calls[i], calls[k] = calls[k], calls[i] })
		again, _ := Find(each(calls), Options{MinCalls: 3, MinValues: 3})
		if fmt.Sprint(again) != before {
			t.Fatal("another order gives other proposals")
		}
	})
}
