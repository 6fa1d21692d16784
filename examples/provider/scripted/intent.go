// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"regexp"
	"strings"
)

// intent is what the user wants.
type intent string

const (
	wantsOrder  intent = "order"
	wantsRefund intent = "refund"
	wantsDocs   intent = "docs"
	wantsThanks intent = "thanks"
)

var (
	refundWords = regexp.MustCompile(`(?i)\b(refund|money back|reimburse|pay me back)\b`)
	docsWords   = regexp.MustCompile(`(?i)\b(policy|warranty|shipping cost|delivery cost|how long do i have|do you (ship|deliver|offer|accept)|can i (return|exchange)|how do i (return|wash|exchange))\b`)
	orderWords  = regexp.MustCompile(`(?i)\b(order|parcel|package|deliver\w*|arriv\w*|track\w*|shipped)\b`)
	thanksWords = regexp.MustCompile(`(?i)\b(thank|thanks|that's all|great, bye)\b`)
	idPattern   = regexp.MustCompile(`\b[A-Z]-\d{4,6}\b`)
	moneyAmount = regexp.MustCompile(`(?:€\s?)?(\d+[.,]\d{2})(?:\s?(?:€|EUR|euros?))?`)

	// Forms in which unguarded models tend to make mistakes.
	numberedID  = regexp.MustCompile(`(?i)\b(number|no\.?|nr\.?)\s*[A-Z]-\d{4,6}\b`)
	currency    = regexp.MustCompile(`€|EUR|euros?\b`)
	oddReason   = regexp.MustCompile(`(?i)\b(changed my mind|found it cheaper|too small|too big|don't like|regret)\b`)
	reasonWords = []struct {
		words  *regexp.Regexp
		reason string
	}{
		{regexp.MustCompile(`(?i)\b(damaged|broken|torn|cracked)\b`), "damaged"},
		{regexp.MustCompile(`(?i)\b(wrong (item|size|colour|thing)|not what i ordered)\b`), "wrong_item"},
		{regexp.MustCompile(`(?i)\b(late|never arrived|too long|still waiting)\b`), "late"},
	}
)

func intentOf(r *request) intent {
	text := r.lastUser()
	switch {
	case thanksWords.MatchString(text) && !strings.Contains(text, "?"):
		return wantsThanks
	case docsWords.MatchString(text):
		return wantsDocs
	case refundWords.MatchString(text):
		return wantsRefund
	case orderWords.MatchString(text) || idPattern.MatchString(text):
		return wantsOrder
	}
	return wantsDocs
}

// mention is an order as the user wrote about it.
type mention struct {
	ID string
	// Numbered is true for "order number A-12345".
	Numbered bool
}

// orderOf finds the order that the user last wrote about.
func orderOf(r *request) (mention, bool) {
	text := r.userText()
	ids := idPattern.FindAllString(text, -1)
	if len(ids) == 0 {
		return mention{}, false
	}
	return mention{ID: ids[len(ids)-1], Numbered: numberedID.MatchString(text)}, true
}

// claim is what the user wants to have refunded.
type claim struct {
	Amount   string
	Currency bool
	Reason   string
	// Odd is true when the stated reason is not one that the tool lists.
	Odd bool
}

func claimOf(text string) claim {
	c := claim{Amount: "", Reason: "other", Odd: oddReason.MatchString(text)}
	if m := moneyAmount.FindStringSubmatch(text); m != nil {
		c.Amount = strings.ReplaceAll(m[1], ",", ".")
		c.Currency = currency.MatchString(m[0])
	}
	for _, r := range reasonWords {
		if r.words.MatchString(text) {
			c.Reason = r.reason
			return c
		}
	}
	return c
}
