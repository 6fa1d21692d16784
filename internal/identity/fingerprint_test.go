// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// What changes from request to request does not change the fingerprint.
func TestSameFingerprint(t *testing.T) {
	for _, pair := range [][2]string{
		{"Today is 2026-11-25. Help.", "Today is 2026-12-01. Help."},
		{"It is 2026-11-25T10:00:00Z now.", "It is 2027-01-02T23:59:59Z now."},
		{"It is Wednesday, 25 November 2026, 10:30 am.", "It is Friday, 3 July 2026, 9:05 pm."},
		{"You have 3 tools.", "You have 12 tools."},
		{"Budget: 1,000.50 EUR", "Budget: 20 EUR"},
		{"Session 550e8400-e29b-41d4-a716-446655440000 begins.", "Session 6ba7b810-9dad-11d1-80b4-00c04fd430c8 begins."},
		{"Request 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "Request e3b0c44298fc1c149afbf4c8996fb92427ae41e4"},
		{"Write to ann@example.org.", "Write to bob@example.com."},
		{"User: Ann Smith\nHelp.", "User: Bob\nHelp."},
		{"Customer name: Zoë\nHelp.", "Customer name: 李雷\nHelp."},
		{"Line one.\r\nLine two.", "Line one.\nLine two."},
		{"  Help.  \n", "Help."},
		{"Order A12 is late.", "Order A999 is late."},
	} {
		assert.Equal(t, fingerprint(pair[0]), fingerprint(pair[1]), "%q and %q", pair[0], pair[1])
	}
}

// What an author changes does.
func TestOtherFingerprint(t *testing.T) {
	for _, pair := range [][2]string{
		{"You help politely.", "You help quickly."},
		{"You help.", "You help!"},
		{"Use search_docs.", "Use search_web."},
		{"Never refund.", "never refund."},
		{"Du hilfst höflich.", "Du hilfst hoflich."},
		{"Answer the user: briefly.", "Answer the user: at length."},
		{"You may answer.", "You must answer."},
	} {
		assert.NotEqual(t, fingerprint(pair[0]), fingerprint(pair[1]), "%q and %q", pair[0], pair[1])
	}
}

func TestFingerprintOfNothing(t *testing.T) {
	assert.Empty(t, fingerprint(""))
	assert.Empty(t, fingerprint(" \n\t"))
	assert.Regexp(t, `^sha256:[0-9a-f]{64}$`, fingerprint("x"))
}

// FuzzFingerprint: no text makes it fail, white space around and runs of it
// change nothing, and a number is as good as another.
func FuzzFingerprint(f *testing.F) {
	for _, seed := range []string{"", "Today is 2026-11-25T10:00Z, 3rd.", "user: x\nuser:", "a-b@c.d:1/2+3%4", "\xff\x00é李", "9f86d081884c7d659a2feaa0c55ad015", "User name:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := fingerprint(text)
		if got != fingerprint(text) {
			t.Fatal("two fingerprints of one text")
		}
		if fingerprint("\n \t"+text+"\n") != fingerprint("\n"+text+" ") {
			t.Fatalf("white space changed the fingerprint of %q", text)
		}
		if normal := normalise(text); len(normal) > 2*len(text)+1 {
			t.Fatalf("%d bytes of %d", len(normal), len(text))
		}
	})
}
