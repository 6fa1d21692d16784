// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/tidwall/gjson"
)

var fillers = []string{
	"I know that waiting is no fun, and I appreciate your patience.",
	"Please keep the original packaging until everything is settled.",
	"You will find the same information in your account under Orders.",
	"If anything looks different on your side, a photo helps us to check it quickly.",
	"Our team keeps an eye on parcels that take longer than usual.",
	"You do not have to do anything else at the moment.",
	"We send an e-mail as soon as something changes.",
	"Times are estimates and may move by a working day.",
}

var closings = []string{
	"Is there anything else I can help you with?",
	"Let me know if you need anything else.",
	"I am here if you have another question.",
	"Have a good trip with your gear!",
}

// compose puts an answer together: the core always; a further detail, filler and
// a closing sentence only when the prompt does not ask to be brief.
func (p *policy) compose(core, detail string) string {
	if p.rules.Brief {
		// A talkative model does not keep to it every time.
		if chance(p.rng, p.model.Filler/3) {
			return core + " " + pick(p.rng, fillers)
		}
		return core
	}
	parts := []string{p.greeting() + core, detail}
	for n := 0; n < 4 && chance(p.rng, p.model.Filler); n++ {
		parts = append(parts, fillers[(p.rng.IntN(len(fillers))+n)%len(fillers)])
	}
	if chance(p.rng, 0.7) {
		parts = append(parts, pick(p.rng, closings))
	}
	return strings.Join(parts, " ")
}

func (p *policy) greeting() string {
	return pick(p.rng, []string{"Thanks for asking. ", "Happy to help. ", "Good question. ", "Sure. ", ""})
}

func (p *policy) preamble(name string) string {
	switch name {
	case "lookup_order":
		return pick(p.rng, []string{"Let me look up your order.", "One moment, I am checking the order.", "I will have a look at that order for you."})
	case "refund_order":
		return pick(p.rng, []string{"I will request the refund now.", "Let me arrange that refund.", "I am starting the refund for you."})
	}
	return pick(p.rng, []string{"Let me check our help pages.", "I will look that up for you.", "One moment, I am searching our help pages."})
}

func (p *policy) orderStatus(m mention, result string) string {
	status, eta, items := field(result, "status"), field(result, "eta"), field(result, "items.0")
	core := pick(p.rng, []string{
		fmt.Sprintf("Order %s is %s and should reach you by %s.", m.ID, status, eta),
		fmt.Sprintf("Your order %s is %s; the expected date is %s.", m.ID, status, eta),
		fmt.Sprintf("I found order %s: it is %s, expected by %s.", m.ID, status, eta),
	})
	return p.compose(core, pick(p.rng, []string{
		fmt.Sprintf("It contains %s, and the carrier will send you a tracking link on the day before delivery.", items),
		fmt.Sprintf("The parcel with %s is handled by our usual carrier, who delivers between eight and six.", items),
		fmt.Sprintf("Inside is %s; you can change the delivery address until the parcel is with the carrier.", items),
	}))
}

func (p *policy) refundDone(m mention, result string) string {
	amount, days := field(result, "amount"), field(result, "days")
	core := pick(p.rng, []string{
		fmt.Sprintf("The refund of %s EUR for order %s is on its way.", amount, m.ID),
		fmt.Sprintf("I have requested a refund of %s EUR for order %s.", amount, m.ID),
		fmt.Sprintf("Done: %s EUR for order %s will be paid back.", amount, m.ID),
	})
	return p.compose(core, pick(p.rng, []string{
		fmt.Sprintf("It goes back to the way you paid and usually arrives within %s working days.", days),
		fmt.Sprintf("Banks take up to %s working days to show it, and you get a confirmation by e-mail.", days),
		fmt.Sprintf("Please allow %s working days; the confirmation follows by e-mail.", days),
	}))
}

func (p *policy) fromDocs(result string) string {
	passage := field(result, "passages.0.text")
	core := pick(p.rng, []string{"According to our help pages: ", "Our help pages say: ", "Here is what I found: "}) + passage
	return p.compose(core, pick(p.rng, []string{
		"The full text is on our website under Help.",
		"The details are on the help page, where you also find the forms.",
		"There is more on the help page if you need it.",
	}))
}

func (p *policy) notFound(m mention) string {
	return p.compose(
		fmt.Sprintf("Our system does not return an order under %s at the moment.", m.ID),
		"Could you check the confirmation e-mail and send me the order id as it is written there?")
}

func (p *policy) refundFailed(m mention) string {
	return p.compose(
		fmt.Sprintf("The refund for order %s did not go through.", m.ID),
		"I have passed it on to a colleague, who will write to you today.")
}

func (p *policy) askForOrder() string {
	return p.compose("Which order is it about?", "You find the order id at the top of your confirmation e-mail.")
}

func (p *policy) askForAmount(m mention) string {
	return p.compose(fmt.Sprintf("Which amount of order %s should be refunded?", m.ID), "A full or a partial refund are both possible.")
}

func (p *policy) thanks() string {
	core := pick(p.rng, []string{"You are welcome!", "My pleasure.", "Glad that I could help."})
	return p.compose(core, pick(p.rng, []string{"Enjoy your gear.", "See you soon at the shop.", "All the best."}))
}

func (p *policy) refusal() string {
	return pick(p.rng, []string{
		"I'm sorry, but I can't help with that request. Please contact our support team by e-mail.",
		"I'm sorry, I am not able to help with this. A colleague can take over by e-mail.",
		"Unfortunately I cannot assist with that. Please write to our support team.",
	})
}

func (p *policy) small() string {
	return pick(p.rng, []string{"I have taken note of that.", "Noted, thank you.", "All right."})
}

// summary is what the policy writes when it has no tools: a note about the
// conversation in the user's message.
func (p *policy) summary() string {
	text := p.request.lastUser()
	topic := "a general question"
	switch {
	case refundWords.MatchString(text):
		topic = "a refund"
	case orderWords.MatchString(text):
		topic = "a delivery"
	}
	note := fmt.Sprintf("%s asked about %s", pick(p.rng, []string{"The customer", "Customer"}), topic)
	if id := idPattern.FindString(text); id != "" {
		note += " for order " + id
	}
	return note + "; " + pick(p.rng, []string{"answered.", "settled in the chat.", "no further action needed."})
}

// field reads one value of a tool's JSON result; a plain word when it is not
// there.
func field(result, path string) string {
	if v := gjson.Get(result, path); v.Exists() {
		return v.String()
	}
	return "as stated"
}

var queryWord = regexp.MustCompile(`[\p{L}\d-]{3,}`)

// query is a search query made of the first words of a question.
func query(text string) string {
	words := queryWord.FindAllString(text, 7)
	return strings.ToLower(strings.Join(words, " "))
}
