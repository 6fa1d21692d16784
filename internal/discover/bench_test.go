// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// BenchmarkFind looks at calls of twenty prompts of two to three kilobytes, every
// text another one.
func BenchmarkFind(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	var prompts []made
	for range 20 {
		p := randomTemplate(r)
		var more []string
		for range 300 {
			more = append(more, vocabulary[r.IntN(len(vocabulary))]+fmt.Sprintf("x%c", 'a'+r.IntN(26)))
		}
		p.parts[0] = strings.Join(more, " ") + " " + p.parts[0]
		prompts = append(prompts, p)
	}
	calls := traffic(RoleSystem, 20_000, func(i int) string {
		text, _ := prompts[i%len(prompts)].render(r)
		return text
	})
	b.ResetTimer()
	for b.Loop() {
		found, err := Find(each(calls), Options{})
		if err != nil || len(found.Proposals) != len(prompts) {
			b.Fatal(len(found.Proposals), err)
		}
	}
	b.ReportMetric(float64(len(calls))*float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkFindInChats looks at users' messages that are no prompts.
func BenchmarkFindInChats(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	calls := traffic(RoleUser, 20_000, func(int) string {
		var words []string
		for range 5 + r.IntN(60) {
			words = append(words, vocabulary[r.IntN(len(vocabulary))])
		}
		return strings.Join(words, " ")
	})
	for b.Loop() {
		if _, err := Find(each(calls), Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(calls))*float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
