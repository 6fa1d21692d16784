// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

var (
	firstNames = []string{"Alma", "Bruno", "Carla", "Dario", "Elin", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kaya", "Lior", "Mira", "Nils", "Oda", "Pavel"}
	lastNames  = []string{"Aalto", "Berger", "Conti", "Dahl", "Eide", "Farkas", "Gruber", "Holm", "Ivanova", "Jansen", "Keller", "Lindt"}
	tiers      = []string{"standard", "standard", "standard", "plus", "plus", "trade"}
)

// In the texts {id} stands for an order id and {amount} for an amount with two
// decimals. The forms differ in how easily a model gets the arguments wrong.
var (
	askOrder = []string{
		"Where is my order {id}?",
		"When will {id} arrive? I need it for the weekend.",
		"Can you track order {id} for me?",
		"Has {id} shipped yet?",
		"My parcel for order {id} has not arrived. What is going on?",
		"Could you check the delivery of {id}?",
		"Is order {id} still on time?",
	}
	// askNumbered states the id as a number, which invites dropping its prefix.
	askNumbered = []string{
		"Where is my package? It is order number {id}.",
		"Please check order number {id}, it should have been delivered on Monday.",
		"I am waiting for order no. {id}. When does it arrive?",
	}
	askRefund = []string{
		"I would like a refund of {amount} for order {id}, it arrived damaged.",
		"Please refund {amount} for {id}: I got the wrong size.",
		"Order {id} came too late for my trip, I want a refund of {amount}, it was late.",
		"The tent pole of {id} is broken. Can I get my money back, {amount}?",
	}
	askRefundNumbered = []string{
		"I would like a refund of {amount} for order number {id}, it arrived damaged.",
		"Please pay me back {amount} for order no. {id}: wrong item.",
	}
	askRefundCurrency = []string{
		"I would like a refund of €{amount} for order {id}, it arrived damaged.",
		"Please refund {amount} EUR for {id}: I got the wrong size.",
	}
	askRefundOdd = []string{
		"I want a refund of {amount} for order {id}, I changed my mind.",
		"Please refund {amount} for {id}, I found it cheaper elsewhere.",
		"Refund of {amount} for {id} please, the jacket is too small.",
	}
	askDocs = []string{
		"What is your return policy?",
		"How long is the warranty on tents?",
		"What are the shipping costs to Norway? What is your policy there?",
		"Do you deliver to the islands?",
		"Can I exchange boots for another size?",
		"How do I wash a down jacket?",
		"Do you accept payment by invoice?",
	}
	askAgain = []string{
		"And when exactly does it arrive?",
		"Is it with the carrier already? Can you track it?",
		"Will the delivery come before noon?",
	}
	sayThanks = []string{"Thanks, that's all.", "Great, thank you!", "Thank you for your help."}
)

// Shares of the first questions.
const (
	orderShare  = 0.60
	refundShare = 0.26
	// numberedShare is how many of the questions about orders state the id as a
	// number.
	numberedShare = 0.32
)

// customer fills in who comes and what they ask.
func (s *Session) customer(rng *rand.Rand) {
	s.Customer = pick(rng, firstNames) + " " + pick(rng, lastNames)
	s.Tier = pick(rng, tiers)
	id := fmt.Sprintf("A-%05d", 10000+rng.IntN(90000))
	amount := fmt.Sprintf("%d.%02d", 8+rng.IntN(170), rng.IntN(100))
	fill := strings.NewReplacer("{id}", id, "{amount}", amount)
	first, aboutOrder := opening(rng)
	s.ask(fill.Replace(first), 0)
	for len(s.Questions) < 3 && rng.Float64() < 0.42 {
		think := 20*time.Second + time.Duration(rng.Int64N(int64(100*time.Second)))
		switch p := rng.Float64(); {
		case p < 0.30:
			s.ask(pick(rng, sayThanks), think)
			return
		case p < 0.82 && aboutOrder:
			s.ask(pick(rng, askAgain), think)
		default:
			s.ask(pick(rng, askDocs), think)
		}
	}
}

func opening(rng *rand.Rand) (text string, aboutOrder bool) {
	p, form := rng.Float64(), rng.Float64()
	switch {
	case p < orderShare && form < numberedShare:
		return pick(rng, askNumbered), true
	case p < orderShare:
		return pick(rng, askOrder), true
	case p < orderShare+refundShare:
		switch {
		case form < 0.12:
			return pick(rng, askRefundNumbered), true
		case form < 0.24:
			return pick(rng, askRefundCurrency), true
		case form < 0.35:
			return pick(rng, askRefundOdd), true
		}
		return pick(rng, askRefund), true
	}
	return pick(rng, askDocs), false
}

func (s *Session) ask(text string, after time.Duration) {
	if len(s.Questions) > 0 {
		s.Think = append(s.Think, after)
	}
	s.Questions = append(s.Questions, text)
}

func pick[T any](rng *rand.Rand, options []T) T { return options[rng.IntN(len(options))] }
