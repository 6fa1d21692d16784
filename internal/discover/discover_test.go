// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/race"
)

var began = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

// people are names of one, two and three words.
var people = []string{"Ann Lee", "Bob Ray", "Cher", "Dana van Dyk", "Eve Ortiz", "Fay Wu", "Gus", "Hal Ng", "Ivy Stone", "José Peña"}

// traffic makes calls of texts, a minute apart.
func traffic(role string, n int, text func(i int) string) []Call {
	var out []Call
	for i := range n {
		out = append(out, Call{Role: role, Text: text(i), Start: began.Add(time.Duration(i) * time.Minute)})
	}
	return out
}

func each(calls []Call) Each {
	return func(yield func(Call) error) error {
		for _, c := range calls {
			if err := yield(c); err != nil {
				return err
			}
		}
		return nil
	}
}

func find(t testing.TB, calls []Call, known ...Known) *Result {
	t.Helper()
	r, err := Find(each(calls), Options{Known: known})
	require.NoError(t, err)
	return r
}

// texts are the proposals' versions as people read them.
func texts(r *Result) []string {
	var out []string
	for _, p := range r.Proposals {
		for _, v := range p.Versions {
			out = append(out, v.Pattern.Text(v.Slots))
		}
	}
	return out
}

func support(i int) string {
	return fmt.Sprintf("You are the support assistant of Kite Shop.\nToday is %s.\nYou are talking to %s (customer id cus_%06x, %s).\nAnswer in at most 3 sentences. Order %d is open.",
		began.AddDate(0, 0, i%40).Format("Monday, 2 January 2006"), people[i%len(people)], 0x1a2b3c+i*7919, fmt.Sprintf("user%d@example.org", i), 1000+i)
}

func TestFindTellsTextFromSlots(t *testing.T) {
	r := find(t, traffic(RoleSystem, 60, support))
	require.Equal(t, []string{"You are the support assistant of Kite Shop.\nToday is {{date}}.\nYou are talking to {{name}} (customer id {{id}}, {{email}}).\nAnswer in at most 3 sentences. Order {{number}} is open."}, texts(r))
	p := r.Proposals[0]
	assert.Equal(t, "support-kite-shop-today", p.Name)
	assert.EqualValues(t, 60, p.Calls)
	assert.EqualValues(t, 60, r.Proposed)
	assert.Equal(t, began, p.First)
	assert.Equal(t, began.Add(59*time.Minute), p.Last)
	types := map[string]string{}
	for _, s := range p.Versions[0].Slots {
		types[s.Name] = s.Type
		assert.NotEmpty(t, s.Examples)
	}
	assert.Equal(t, map[string]string{"date": TypeDate, "name": TypeName, "id": TypeID, "email": TypeEmail, "number": TypeNumber}, types)
}

// Values that change never make a version, however few were seen.
func TestFindMakesNoVersionOfValues(t *testing.T) {
	for name, values := range map[string][]string{
		"one date":     {"2026-11-25"},
		"two dates":    {"2026-11-25", "2026-11-26"},
		"long dates":   {"25 November 2026", "26 November 2026 at 10:30 am"},
		"times":        {"10:30", "11:45 pm"},
		"moments":      {"2026-11-25T10:00:00Z", "2026-11-25T10:00:01.123+01:00"},
		"emails":       {"ann@example.org", "bob.ray@mail.example.com"},
		"one email":    {"ann@example.org"},
		"numbers":      {"17", "3,000.50"},
		"ids":          {"7f1c2f7e-90b5-4c0e-8d2a-2b6f4f8f6a11", "11111111-90b5-4c0e-8d2a-2b6f4f8f6a11"},
		"short ids":    {"ORD-4711-A", "ORD-4712-B"},
		"many words":   {"red kites", "blue boats", "green hats", "old shoes", "new ropes", "wet dogs"},
		"many lengths": {"a", "b c", "d e f", "g h i j", "k", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := find(t, traffic(RoleSystem, 60, func(i int) string {
				return "You are a careful assistant that checks entries of a log. The entry is " + values[i%len(values)] + ", check it with care."
			}))
			require.Len(t, texts(r), 1, texts(r))
			assert.Len(t, r.Proposals[0].Versions[0].Slots, 1)
			assert.EqualValues(t, 60, r.Proposed)
		})
	}
}

// Two names are no two versions where the words before announce a name.
func TestFindKnowsNames(t *testing.T) {
	for _, before := range []string{"You are talking to ", "User: ", "Customer name: ", "Dear ", "The user's name is "} {
		r := find(t, traffic(RoleSystem, 40, func(i int) string {
			return "You answer questions about returns and refunds of our shop.\n" + before + people[i%2] + "\nBe brief."
		}))
		require.Len(t, texts(r), 1, before)
		assert.Equal(t, TypeName, r.Proposals[0].Versions[0].Slots[0].Type, before)
	}
}

// Few wordings with many calls each are versions, with slots of their own.
func TestFindSplitsVersions(t *testing.T) {
	calls := traffic(RoleSystem, 50, func(i int) string {
		return "You are a travel agent for trains. Your client is called " + people[i%10] + ". Compare all connections of the day. Offer three connections and name the price of each. Today: " + began.AddDate(0, 0, i).Format("2006-01-02")
	})
	for i, c := range traffic(RoleSystem, 30, func(i int) string {
		return "You are a travel agent for trains. Your client is called " + people[i%10] + ". Compare all connections of the day. Offer the fastest one only. Today: " + began.AddDate(0, 0, i).Format("2006-01-02")
	}) {
		c.Start = c.Start.Add(time.Hour * time.Duration(100+i))
		calls = append(calls, c)
	}
	r := find(t, calls)
	require.Len(t, r.Proposals, 1)
	require.Len(t, r.Proposals[0].Versions, 2)
	assert.Equal(t, []string{
		"You are a travel agent for trains. Your client is called {{name}}. Compare all connections of the day. Offer three connections and name the price of each. Today: {{today}}",
		"You are a travel agent for trains. Your client is called {{name}}. Compare all connections of the day. Offer the fastest one only. Today: {{today}}",
	}, texts(r), "the first seen first")
	assert.EqualValues(t, 50, r.Proposals[0].Versions[0].Calls)
	assert.EqualValues(t, 30, r.Proposals[0].Versions[1].Calls)
	assert.NotEqual(t, r.Proposals[0].Versions[0].Fingerprint, r.Proposals[0].Versions[1].Fingerprint)
}

// A sentence with a slot of its own that a version dropped is no value of a slot.
func TestFindSplitsVersionsWithSlotsInTheDifference(t *testing.T) {
	calls := traffic(RoleSystem, 60, func(i int) string {
		if i%3 == 0 {
			return "You review pull requests of the kite repository. Be kind. Say what to test first. Answer in Markdown."
		}
		return "You review pull requests of the kite repository. The branch is called feature-" + strings.ToLower(strings.Fields(people[i%10])[0]) + " and was opened lately. Answer in Markdown."
	})
	r := find(t, calls)
	require.Len(t, r.Proposals, 1, texts(r))
	assert.Len(t, r.Proposals[0].Versions, 2, texts(r))
}

// Each of three versions changes one place more: no two variables of two values.
func TestFindSplitsAChainOfVersions(t *testing.T) {
	places := [][2]string{{"Answer politely", "Answer with dry humour"}, {"in plain text", "in well-formed Markdown"}}
	r := find(t, traffic(RoleSystem, 90, func(i int) string {
		v := i / 30
		return "You explain invoices of the kite shop to customers. " + places[0][min(v, 1)] + " and write " + places[1][max(0, v-1)] + ", without tables."
	}))
	require.Len(t, r.Proposals, 1)
	assert.Len(t, r.Proposals[0].Versions, 3)
}

// What varies in all combinations is variables.
func TestFindTakesAllCombinationsForVariables(t *testing.T) {
	r := find(t, traffic(RoleSystem, 120, func(i int) string {
		return "You translate texts for the kite shop. Translate into " + []string{"German", "French"}[i%2] + " for customers of the tier " + []string{"standard", "premium"}[i/2%2] + " and keep names."
	}))
	assert.Equal(t, []string{"You translate texts for the kite shop. Translate into {{slot_1}} for customers of the tier {{slot_2}} and keep names."}, texts(r))
	assert.NotEmpty(t, r.Proposals[0].Notes)
}

// Two values of one place are two versions, and the doubt is said.
func TestFindSaysWhatIsNotSure(t *testing.T) {
	r := find(t, traffic(RoleSystem, 60, func(i int) string {
		return "You translate texts for the kite shop. Translate into " + []string{"German", "French"}[i%2] + " and keep names."
	}))
	require.Len(t, r.Proposals, 1)
	assert.Len(t, r.Proposals[0].Versions, 2)
	require.Len(t, r.Proposals[0].Notes, 1)
	assert.Contains(t, r.Proposals[0].Notes[0], `"French", "German"`)
}

func TestFindKeepsPromptsApart(t *testing.T) {
	calls := traffic(RoleSystem, 40, support)
	calls = append(calls, traffic(RoleSystem, 30, func(i int) string {
		return "Summarise the ticket below in two lines for the evening report. Ticket: " + strings.Repeat(people[i%10]+" waits. ", i%7+1)
	})...)
	calls = append(calls, traffic(RoleSystem, 5, func(int) string { return "A prompt of which there are too few calls to say anything." })...)
	calls = append(calls, traffic(RoleSystem, 20, func(int) string { return "hi" })...)
	r := find(t, calls)
	assert.Len(t, r.Proposals, 2)
	assert.EqualValues(t, 95, r.Calls)
	assert.EqualValues(t, 70, r.Proposed)
}

// Documents in the instructions leave little that two calls share.
func TestFindWithDocuments(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	words := strings.Fields("wind kite string sail rope knot reel tail spar line water sand beach sun gust cloud rain storm field hill sky bird tree path stone")
	document := func() string {
		var b strings.Builder
		for range 120 + random.IntN(200) {
			b.WriteString(words[random.IntN(len(words))] + fmt.Sprint(random.IntN(50)) + " ")
		}
		return b.String()
	}
	r := find(t, traffic(RoleSystem, 40, func(int) string {
		return "Answer the question from the documents below, and from nothing else.\n\nDocuments:\n" + document() + "\n\nIf they do not say it, tell the user so plainly."
	}))
	assert.Equal(t, []string{"Answer the question from the documents below, and from nothing else.\n\nDocuments:\n{{documents}} \n\nIf they do not say it, tell the user so plainly."}, texts(r))
}

func TestFindInUsersMessages(t *testing.T) {
	calls := traffic(RoleUser, 40, func(i int) string {
		return "Extract the name, the price and the colour from this product text as JSON. Text: " + people[i%10] + " sells a red kite for little money, number " + fmt.Sprint(i)
	})
	chats := []string{"hello there", "where is my order?", "what can you do for me today?", "thanks a lot, that was quick"}
	calls = append(calls, traffic(RoleUser, 200, func(i int) string { return chats[i%4] + strings.Repeat(" please", i%9) })...)
	r := find(t, calls)
	require.Len(t, r.Proposals, 1, texts(r))
	assert.Equal(t, RoleUser, r.Proposals[0].Role)
	assert.EqualValues(t, 40, r.Proposals[0].Calls)
}

// A stated name is kept, and calls of two names are two prompts.
func TestFindKeepsStatedNames(t *testing.T) {
	calls := traffic(RoleSystem, 40, support)
	for i := range calls {
		calls[i].Prompt = []string{"support", "support-eu"}[i%2]
	}
	r := find(t, calls)
	require.Len(t, r.Proposals, 2)
	assert.ElementsMatch(t, []string{"support", "support-eu"}, []string{r.Proposals[0].Name, r.Proposals[1].Name})
}

func TestFindVersionsOfWhatExists(t *testing.T) {
	known := Known{Prompt: "kite/support", Version: "3", Role: RoleSystem, Text: "You are the support assistant of Kite Shop.\nToday is .\nYou are talking to .\nAnswer in French only."}
	r := find(t, traffic(RoleSystem, 40, support), known)
	require.Len(t, r.Proposals, 1)
	assert.Equal(t, "kite/support", r.Proposals[0].Name)
	assert.True(t, r.Proposals[0].Existing)
}

// The same calls give the same proposals in any order, sampled or not.
func TestFindDependsOnNoOrder(t *testing.T) {
	calls := traffic(RoleSystem, 700, support)
	calls = append(calls, traffic(RoleSystem, 300, func(i int) string {
		return "You write haiku about " + people[i%10] + " and " + fmt.Sprint(i) + " kites for the newsletter of the shop. " + []string{"Be sad.", "Be very funny, and rhyme."}[i/150]
	})...)
	want, err := json.Marshal(find(t, calls))
	require.NoError(t, err)
	first := texts(find(t, calls))
	for seed := range uint64(4) {
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(calls), func(i, k int) { calls[i], calls[k] = calls[k], calls[i] })
		got, err := json.Marshal(find(t, calls))
		require.NoError(t, err)
		assert.JSONEq(t, string(want), string(got))
		assert.Equal(t, first, texts(find(t, calls)))
	}
}

// More calls of the same templates give the same fingerprints.
func TestFindIsStableOverTime(t *testing.T) {
	some, more := find(t, traffic(RoleSystem, 60, support)), find(t, traffic(RoleSystem, 3000, support))
	require.Len(t, more.Proposals, 1)
	assert.True(t, more.Sampled)
	assert.Equal(t, some.Proposals[0].Versions[0].Fingerprint, more.Proposals[0].Versions[0].Fingerprint)
	assert.EqualValues(t, 3000, more.Proposals[0].Calls, "counts are of all calls")
}

func TestFindBoundsWhatItKeeps(t *testing.T) {
	race.Skip(t)
	random := rand.New(rand.NewPCG(5, 6))
	s := newSketch()
	for range 3_000 {
		var b strings.Builder
		for range 30 {
			fmt.Fprintf(&b, "w%x ", random.Uint64())
		}
		s.add(Call{Role: RoleSystem, Text: b.String()})
	}
	assert.LessOrEqual(t, len(s.groups), maxGroups)
	assert.True(t, s.sampled())
	r := find(t, []Call{{Role: RoleSystem, Text: strings.Repeat("x", maxText+1)}})
	assert.EqualValues(t, 1, r.TooLong)
	assert.Empty(t, r.Proposals)
}

// Braces and other signs of templates in static text are text.
func TestSourceEscapes(t *testing.T) {
	for text, language := range map[string]string{
		"Answer as {\"name\": \"…\"} and nothing else, dear model. ":           Mustache,
		"Write {{ mustache }} and {% jinja %} as they are, dear model. ":       FString,
		"Unclosed {{ and }} and {{{ and {{! comments, dear model of mine. ":    FString,
		"A brace somewhere before the slot is no tag in Mustache, but text: {": Mustache,
		"{{=<% %>=}} would change the delimiters of the whole template text. ": FString,
	} {
		r := find(t, traffic(RoleSystem, 40, func(i int) string { return text + "number " + fmt.Sprint(i) + " of many {x} end." }))
		require.Len(t, r.Proposals, 1, text)
		v := r.Proposals[0].Versions[0]
		got, source, _, err := v.Sources()
		require.NoError(t, err, text)
		assert.Equal(t, language, got, text)
		assert.NotEmpty(t, source)
	}
}

// A user message that is a template too is part of the prompt; what people write is
// not, nor is a template that one call does not have.
func TestFindWithUsersTemplates(t *testing.T) {
	calls := traffic(RoleSystem, 60, support)
	for i := range calls {
		calls[i].User = fmt.Sprintf("Question of the customer:\n%s number %d?\n\nAnswer with one sentence.", people[i%10], i)
	}
	v := find(t, calls).Proposals[0].Versions[0]
	require.NotNil(t, v.User)
	assert.Equal(t, "Question of the customer:\n{{slot_1}} number {{user_number}}?\n\nAnswer with one sentence.", v.User.Text(v.UserSlots), "names are none of the instructions'")
	_, _, user, err := v.Sources()
	require.NoError(t, err)
	assert.NotEmpty(t, user)

	calls[7].User = "where is my kite?"
	assert.Nil(t, find(t, calls).Proposals[0].Versions[0].User)
	for i := range calls {
		calls[i].User = people[i%10] + " wants to know the price of kite " + fmt.Sprint(i)
	}
	assert.Nil(t, find(t, calls).Proposals[0].Versions[0].User)
}

func TestSourceWithABraceBesideASlot(t *testing.T) {
	r := find(t, traffic(RoleSystem, 40, func(i int) string { return fmt.Sprintf("Write the number of kites in braces like {%d} and stop.", i) }))
	v := r.Proposals[0].Versions[0]
	language, source, _, err := v.Sources()
	require.NoError(t, err)
	assert.Equal(t, FString, language)
	assert.Equal(t, "Write the number of kites in braces like {{{number}}} and stop.", source)
}

// Texts that nothing but a stated name joins keep it, and what is named by its words
// has a name of its own.
func TestFindNamesProposals(t *testing.T) {
	named := traffic(RoleSystem, 40, support)
	named = append(named, traffic(RoleSystem, 20, func(i int) string { return "Write a limerick about the weather of the coming week, and rhyme well." })...)
	for i := range named {
		named[i].Prompt = "team/kite"
	}
	r := find(t, named)
	require.Len(t, r.Proposals, 2)
	for _, p := range r.Proposals {
		assert.Equal(t, "team/kite", p.Name)
	}
	unnamed := traffic(RoleSystem, 40, func(int) string {
		return "Kite shop limerick writer: four lines about wind and sea, no more than that."
	})
	unnamed = append(unnamed, traffic(RoleSystem, 40, func(int) string {
		return "Kite shop limerick writer. The customer reads German, so every answer has to be in that language, with its quotes."
	})...)
	r = find(t, unnamed)
	require.Len(t, r.Proposals, 2)
	assert.Equal(t, []string{"kite-shop-limerick-writer", "kite-shop-limerick-writer-2"}, []string{r.Proposals[0].Name, r.Proposals[1].Name})
	r = find(t, unnamed, Known{Prompt: "kite-shop-limerick-writer", Role: RoleUser, Text: "something else"})
	assert.NotContains(t, []string{r.Proposals[0].Name, r.Proposals[1].Name}, "kite-shop-limerick-writer")
}
