// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sharedtest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Pair is a request to a provider and its answer, as they were recorded.
type Pair struct {
	API     string `json:"api"`
	Stream  bool   `json:"stream"`
	Request struct {
		Body string `json:"body"`
		// Fidelity is raw when the body is the one that was sent, byte for byte.
		Fidelity string `json:"body_fidelity"`
	} `json:"request"`
	Response struct {
		Status int    `json:"status"`
		Body   string `json:"body"`
	} `json:"response"`
	// Name is the file and the pair's place in it.
	Name string `json:"-"`
}

// Pairs reads the recorded requests and answers of one API.
func Pairs(t testing.TB, api string) []Pair {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(Dir(t), "cassettes", api+"--*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cassettes of %s: %v", api, err)
	}
	var pairs []Pair
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var cassette struct {
			Interactions []Pair `json:"interactions"`
		}
		if err := json.Unmarshal(text, &cassette); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for i, pair := range cassette.Interactions {
			if pair.API == "" || pair.API == api {
				pair.Name = fmt.Sprintf("%s#%d", filepath.Base(file), i)
				pairs = append(pairs, pair)
			}
		}
	}
	return pairs
}
