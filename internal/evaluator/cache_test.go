// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
)

func length(text string) int { return len(text) }

func TestCacheIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	c := cache[string]{limit: 100}
	made := map[string]int{}
	get := func(key string) string {
		return c.get(key, length, func(text string) string { made[text]++; return "value of " + text })
	}
	for i := range 200 {
		key := fmt.Sprintf("%010d", i)
		assert.Equal(t, "value of "+key, get(key))
		assert.Equal(t, "value of popular..", get("popular.."))
		assert.LessOrEqual(t, len(c.young)+len(c.old), 22, "two generations of a hundred bytes")
	}
	assert.Equal(t, 1, made["popular.."], "what is used in every generation is made once")
	get("0000000000")
	assert.Equal(t, 2, made["0000000000"], "what nobody used was forgotten")
	huge := strings.Repeat("x", 1000)
	assert.Equal(t, "value of "+huge, get(huge), "larger than a generation")
}

func TestCacheMakesOnce(t *testing.T) {
	c := cache[int]{limit: 1000}
	var made atomic.Int32
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 100 {
				assert.Equal(t, 7, c.get("key", length, func(string) int { made.Add(1); return 7 }))
			}
		})
	}
	group.Wait()
	assert.EqualValues(t, 1, made.Load())
}

// One evaluator scores spans of several goroutines, whose tool definitions meet
// in the cache.
func TestEvaluatorsAreSharedByGoroutines(t *testing.T) {
	list := Defaults()
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			for i := range 50 {
				city := fmt.Sprintf(`{"city":"%d","days":%d}`, g, i%9)
				in := newTestInput(t, toolsOffered("weather", citySchema, fmt.Sprint("other", i%5), `{}`), toolCalls("weather", city))
				for _, e := range list {
					s, applies := e.Evaluate(in)
					if e.Name() == "tool_args_schema" && assert.True(t, applies) {
						assert.Equal(t, i%9 >= 1 && i%9 <= 7, s.Label == LabelPass)
					}
				}
			}
		})
	}
	group.Wait()
}
