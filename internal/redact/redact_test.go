// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

var testKey = []byte("0123456789abcdef0123456789abcdef")

func redactor(t testing.TB, patterns ...Pattern) *Redactor {
	t.Helper()
	r, err := New(Options{Key: testKey, Patterns: patterns})
	require.NoError(t, err)
	return r
}

var tokens = regexp.MustCompile(`\[([a-z0-9_-]+):[a-p]{16}\]`)

// shape is a redacted text with the digests left out.
func shape(r *Redactor, s string) string {
	text, _ := r.Text(s)
	return tokens.ReplaceAllString(text, "[$1]")
}

const (
	jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"
)

func TestWhatIsReplaced(t *testing.T) {
	r := redactor(t)
	for in, want := range map[string]string{
		// Addresses.
		"write to bob@example.com.":                 "write to [email].",
		"<Bob.O'Hara+x@mail.example.co.uk>, thanks": "<[email]>, thanks",
		"'a@b.de'":                "'[email]'",
		"?to=bob%40example.com&x": "?to=[email]&x",
		"jürgen@müller.de und 用户@例え.jp": "[email] und [email]",
		`cut JSON: "a\nbob@example.com`: `cut JSON: "a\n[email]`,
		"a@b.com@c.com":                 "[email]",
		"x@y.xn--p1ai":                  "[email]",
		// Cards: the schemes' own test numbers.
		"4111111111111111":                     "[card]",
		"pay 4111 1111 1111 1111 today":        "pay [card] today",
		"5500-0055-5555-5559.":                 "[card].",
		"3782 822463 10005 and 30569309025904": "[card] and [card]",
		"12 4111111111111111 34":               "12 [card] 34",
		"12 4111 1111 1111 1111":               "12 [card]",
		"卡4012888888881881号":                   "卡[card]号",
		"card_6011111111111117":                "card_[card]",
		// Bank accounts: examples of the IBAN registry.
		"DE89 3704 0044 0532 0130 00, GB29NWBK60161331926819": "[iban], [iban]",
		"fr1420041010050500013m02606":                         "[iban]",
		"NO93 8601 1117 947":                                  "[iban]",
		// Telephones.
		"+49 30 1234567":               "[phone]",
		"call (415) 555-0123 now":      "call [phone] now",
		"1-415-555-0123, 415.555.0123": "[phone], [phone]",
		"030 12345678":                 "[phone]",
		"+14155550123 4111":            "[phone]",
		"+14155550123 415555012399":    "[phone] 415555012399",
		"01 23 45 67 89":               "[phone]",
		// Addresses of machines.
		"from 192.168.10.7:8080":          "from [ip]:8080",
		"[2001:db8::8a2e:370:7334]:443":   "[[ip]]:443",
		"ip:fe80::1ff:fe23:4567:890a end": "ip:[ip] end",
		"::ffff:10.0.0.1":                 "[ip]",
		// Secrets.
		"key sk-proj-abcdefghijklmnopqrstuvwx":                         "key [secret]",
		"sk-xoxb-0123456789":                                           "sk-[secret]",
		"SG.abcdefghijklmnop.sk-abcdefghijklmnop-xoxb-0123456789.tail": "[secret]",
		"AKIAIOSFODNN7EXAMPLE":                                         "[secret]",
		"ghp_0123456789abcdefghijABCDEFGHIJ":                           "[secret]",
		"token=" + jwt + ".":                                           "token=[secret].",
		"x " + pem + " y":                                              "x [secret] y",
		"-----BEGIN PRIVATE KEY-----\nMIIE":                            "[secret]",
		"Authorization: Bearer abc.def-ghi_jkl=":                       "Authorization: Bearer [secret]",
		"postgres://app:hunter2@db/x":                                  "postgres://app:[secret]@db/x",
		// JSON: strings as they mean, keys, numbers, JSON within strings.
		`{"a":"bob\u0040example.com"}`:                  `{"a":"[email]"}`,
		`["line\nbob@example.com", 7]`:                  `["line\n[email]", 7]`,
		`{"card": 4111111111111111, "n": 12}`:           `{"card": "[card]", "n": 12}`,
		`{"bob@example.com": [true]}`:                   `{"[email]": [true]}`,
		`{"args":"{\"to\":\"\\u0062ob@example.com\"}"}`: `{"args":"{\"to\":\"[email]\"}"}`,
		` [ "a\"b@example.com" , "\\" ] `:               ` [ "a\"[email]" , "\\" ] `,
	} {
		assert.Equal(t, want, shape(r, in), "%q", in)
	}
}

// Text that only looks like something of the kind stays byte for byte.
func TestWhatStays(t *testing.T) {
	r := redactor(t)
	for _, text := range []string{
		"", "a", "@", "me @ home", "lookup@v1", "user@localhost", "fw529a3039@dt=FfffEQ", "@param x",
		"4111111111111112", "0.4111111111111111", "a4111111111111111", "1700000000123456789", "41111111111111111111111",
		"DE88370400440532013000", "XX89370400440532013000", "IDE89370400440532013000",
		"2026-11-25 12:30:00", "01-02-2026", "25.11.2026", "10:30:00", "4155550123", "100 200 300", "1,234,567.89", "x+1234567890",
		"3.14.15", "300.1.1.1", "1.2.3.4.5", "std::vector<int>", "a::b::c", "aa:bb:cc:dd:ee:ff",
		"sk-learn", "task-force-of-many-people", "Bearer of news", "basic understanding", "eyJ.a.b", "-----BEGIN PUBLIC KEY-----",
		"https://example.com/a:b@c", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		`{"a":"\u0062ob \/ x","n":-1.50e+3}`, `{"broken":`, "[not json]", "\x00\xff\xfe",
	} {
		got, n := r.Text(text)
		assert.Equal(t, text, got)
		assert.Zero(t, n, text)
	}
}

// One value has one token, however it is spelt and wherever it stands; another
// key makes another one.
func TestTokensAreStable(t *testing.T) {
	r := redactor(t)
	token := func(s string) string {
		text, n := r.Text(s)
		require.Equal(t, 1, n, s)
		return tokens.FindString(text)
	}
	assert.Equal(t, token("bob@example.com"), token(`{"x":["mail BOB@example.com!"]}`))
	assert.Equal(t, token("bob@example.com"), token("bob%40example.com"))
	assert.Equal(t, token("4111111111111111"), token("4111 1111 1111 1111"))
	assert.Equal(t, token("4111111111111111"), token(`{"n":4111111111111111}`))
	assert.Equal(t, token("DE89370400440532013000"), token("de89 3704 0044 0532 0130 00"))
	assert.Equal(t, token("+1 415-555-0123"), token("+14155550123"))
	assert.NotEqual(t, token("bob@example.com"), token("rob@example.com"))
	assert.NotEqual(t, token(jwt), token(jwt+"x"))
	other, err := New(Options{Key: []byte("another key of some length")})
	require.NoError(t, err)
	text, _ := other.Text("bob@example.com")
	assert.NotEqual(t, token("bob@example.com"), text)
	assert.Equal(t, "[email:pdjepgglfcmmaccp]", token("bob@example.com"), "tokens are part of what datasets hold: they never change")
}

func TestPatternsOfTheUser(t *testing.T) {
	r := redactor(t, Pattern{"customer", `C-\d{4}`}, Pattern{"case", `(?i)\bcase \w+`}, Pattern{"foo", "foo"})
	assert.Equal(t, "of [customer], [case]", shape(r, "of C-1234, Case x7"))
	assert.Equal(t, `{"C-1234":"[customer]"}`, shape(r, `{"C-1234":"C-1234"}`), "keys are structure")
	assert.Equal(t, "[foo][card]", shape(r, "foo4111111111111111"), "what the token set free")
	assert.NotContains(t, shape(r, "case bob@example.com"), "example", "overlapping matches are one")
	number := redactor(t, Pattern{"account", `\b\d{8}\b`})
	assert.Equal(t, `{"n":"[account]","m":1234567}`, shape(number, `{"n":12345678,"m":1234567}`))
}

func TestOptionsAreChecked(t *testing.T) {
	for want, o := range map[string]Options{
		"key: a secret of at least 16":                {Key: []byte("5ecre7")},
		`rules[1]: "mail" is not one of email, phone`: {Key: testKey, Rules: []string{"ip", "mail"}},
		`patterns[0]: name: "A b" is no name`:         {Key: testKey, Patterns: []Pattern{{"A b", "x"}}},
		`patterns[0]: name: "email" is taken`:         {Key: testKey, Patterns: []Pattern{{"email", "x"}}},
		`patterns[1]: name: "x" is taken`:             {Key: testKey, Patterns: []Pattern{{"x", "x"}, {"x", "y"}}},
		"patterns[0]: regex: error parsing":           {Key: testKey, Patterns: []Pattern{{"x", "("}}},
		`patterns[0]: regex: "a*" matches the empty`:  {Key: testKey, Patterns: []Pattern{{"x", "a*"}}},
	} {
		_, err := New(o)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "5ecre7")
	}
	r, err := New(Options{Key: testKey, Rules: []string{RuleEmail}})
	require.NoError(t, err)
	assert.Equal(t, "[email] 192.168.10.7", shape(r, "bob@example.com 192.168.10.7"))
}

func TestHash(t *testing.T) {
	r := redactor(t)
	assert.Empty(t, r.Hash(""))
	assert.Regexp(t, `^\[text:[a-p]{16}:4\]$`, r.Hash("größ"))
	assert.Equal(t, r.Hash("a"), r.Hash("a"))
	assert.NotEqual(t, r.Hash("a"), r.Hash("b"))
}

// Hostile text takes time in proportion to its length.
func TestHostileTextIsQuick(t *testing.T) {
	r := redactor(t)
	for _, unit := range []string{
		"@", "a@", "4", "4111 ", "+1", "(1) ", "1.", "a:", ":", "DE89 ", "eyJ", "eyJabcdefgh.", "://:", "-----BEGIN ", "-----BEGIN PRIVATE KEY", "Bearer ", `\"`, "[", "0 ", "%40",
		"sk-", "sk-sk_live_", "SG.", "SG.sk-", "AKIA", "AKIA-", "00-", "1:", "Bearer sk-", "a://b:c", "://a:", "a@b.de", "a@b.de@", "4111111111111111+", "+49301234567+", "1.2.3.4.", "::1:", "://a:b@",
	} {
		began := time.Now()
		text, _ := r.Text(strings.Repeat(unit, 1<<18/len(unit)))
		assert.NotEmpty(t, text)
		assert.Less(t, time.Since(began), 2*time.Second, "%q", unit)
	}
}

// FuzzText: no panic, nothing that the rules match is left, JSON stays JSON, the
// same text has the same result, and tokens are not redacted again.
func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"bob@example.com", `{"a":"b\u0040c.de","n":4111111111111111}`, "DE89 3704 0044 0532 0130 00", "+49 30 1234567", "1.2.3.4 ::1 2001:db8::1",
		jwt, pem, "postgres://a:b@c", `["{\"x\":\"\\u0062ob@example.com\"}"]`, "a@b.com@c.com:4111 1111 1111 1111", "\xff@\x80.de", "u://x:[secret:aaaaaaaaaaaaaaaa]@h",
	} {
		f.Add(seed)
	}
	r, err := New(Options{Key: testKey})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, s string) {
		text, n := r.Text(s)
		again, _ := r.Text(s)
		if text != again {
			t.Fatalf("%q: %q, then %q", s, text, again)
		}
		if n == 0 && text != s {
			t.Fatalf("%q changed to %q without a match", s, text)
		}
		// A number alone is a text as well.
		if looksLikeJSON(s) && gjson.Valid(s) && !gjson.Valid(text) {
			t.Fatalf("%q is JSON, %q is not", s, text)
		}
		if looksLikeJSON(s) && json.Valid([]byte(s)) && !json.Valid([]byte(text)) {
			t.Fatalf("%q is JSON, %q is not", s, text)
		}
		if more, left := r.Text(text); left != 0 {
			t.Fatalf("%q became %q, in which there is more: %q", s, text, more)
		}
	})
}

// What the one pass over a text finds quiet has nothing to redact, whatever its
// escapes and however deep its JSON.
func FuzzQuiet(f *testing.F) {
	for _, seed := range []string{
		`{"a":"\nbob@example.com"}`, `{"a":"{\"b\":\"\\u0062ob@c.de\"}"}`, `["\ffe80::1ff:fe23:4567:890a"]`, `["postgres:\/\/a:b@c"]`,
		`["+49\/30\/1234567"]`, `["\nDE89370400440532013000"]`, `[4111111111111111]`, `["\\\\nsk-proj-abcdefghijklmnopqrstuvwx"]`,
	} {
		f.Add(seed)
	}
	r := redactor(f)
	f.Fuzz(func(t *testing.T, s string) {
		if text, n := r.loud(s, 0); n > 0 && r.quiet(s) {
			t.Fatalf("%q is quiet, but becomes %q", s, text)
		}
	})
}

// Results that are remembered are those that were found, for each text its own.
func TestLongTextsAreRemembered(t *testing.T) {
	r := redactor(t)
	long := strings.Repeat("nothing of note. ", 40)
	first, n := r.Text(long + "bob@example.com")
	again, m := r.Text(long + "bob@example.com")
	assert.Equal(t, first, again)
	assert.Equal(t, n, m)
	other, _ := r.Text(long + "rob@example.com")
	assert.NotEqual(t, first, other)
	for i := range 3 * maxMemory / len(long) {
		r.Text(long + "bob@example.com" + strconv.Itoa(i))
		require.LessOrEqual(t, r.memory.size, maxMemory)
	}
	forgotten, _ := r.Text(long + "bob@example.com")
	assert.Equal(t, first, forgotten)
}

// A redactor serves all consumers of a queue at once.
func TestConcurrentUse(t *testing.T) {
	r := redactor(t, Pattern{"customer", `C-\d{4}`})
	text := benchText("C-1234 bob@example.com")
	want, _ := redactor(t, Pattern{"customer", `C-\d{4}`}).Text(text)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 20 {
				got, _ := r.Text(text)
				assert.Equal(t, want, got)
			}
		})
	}
	group.Wait()
}

// benchText is a chat of about 10 KB, with numbers and punctuation as people
// write, and what the last message says.
func benchText(last string) string {
	var parts []string
	for range 40 {
		parts = append(parts, `{"role":"user","parts":[{"type":"text","content":"My order 48213 from 2026-11-03 has not arrived; I paid $129.99 on day 2 of 7.\nIt says \"in transit\" (see https://shop.example/o/48213?x=1) since 09:15. What now, please?"}]}`)
	}
	return "[" + strings.Join(parts, ",") + `,{"role":"user","parts":[{"type":"text","content":"` + last + `"}]}]`
}

// BenchmarkText: a text without findings, one with an address that was not seen
// before, and one that was.
func BenchmarkText(b *testing.B) {
	for _, c := range []struct {
		name, last string
		forget     bool
		want       int
	}{{"quiet", "bob at example.com", true, 0}, {"found", "bob@example.com", true, 1}, {"repeated", "bob@example.com", false, 1}} {
		b.Run(c.name, func(b *testing.B) {
			r := redactor(b)
			text := benchText(c.last)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if c.forget {
					r.memory.young, r.memory.size = nil, 0
				}
				if _, n := r.Text(text); n != c.want {
					b.Fatal(n)
				}
			}
		})
	}
}
