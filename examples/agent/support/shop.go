// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package support

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
)

// Shop is the back end behind the tools: orders that are made up from their id,
// refunds that change nothing, and a few help pages.
type Shop struct{}

// errBadArguments is the error.type of a call whose arguments are refused.
var errBadArguments = errors.New("invalid_arguments")

var (
	orderIDs = regexp.MustCompile(`^A-\d{5}$`)
	statuses = []string{"being packed", "with the carrier", "delayed in transit", "out for delivery"}
	goods    = []string{"a two-person tent", "a down jacket", "hiking boots", "a gas stove", "a sleeping bag", "a head torch"}
	arrivals = []string{"tomorrow", "the day after tomorrow", "the end of the week", "the beginning of next week"}
	refunds  = []string{"damaged", "wrong_item", "late", "other"}
)

// Call executes one tool call. The result is what the model gets to see, also
// when the call fails.
func (Shop) Call(name, arguments string) (result string, err error) {
	switch name {
	case "lookup_order":
		result, err = lookUpOrder(arguments)
	case "refund_order":
		result, err = refundOrder(arguments)
	case "search_docs":
		result, err = searchDocs(arguments)
	default:
		err = fmt.Errorf("%w: there is no tool %s", errBadArguments, name)
	}
	if err != nil {
		return encode(map[string]string{"error": strings.TrimPrefix(err.Error(), errBadArguments.Error()+": ")}), err
	}
	return result, nil
}

func lookUpOrder(arguments string) (string, error) {
	var in struct {
		OrderID string `json:"order_id"`
	}
	if err := json.Unmarshal([]byte(arguments), &in); err != nil {
		return "", fmt.Errorf("%w: %w", errBadArguments, err)
	}
	if !orderIDs.MatchString(in.OrderID) {
		return "", fmt.Errorf("%w: no order %q: ids look like A-12345", errBadArguments, in.OrderID)
	}
	n := sum(in.OrderID)
	return encode(struct {
		OrderID string   `json:"order_id"`
		Status  string   `json:"status"`
		Items   []string `json:"items"`
		Total   float64  `json:"total"`
		ETA     string   `json:"eta"`
	}{
		in.OrderID, statuses[n%uint32(len(statuses))],
		[]string{goods[n/7%uint32(len(goods))]}, float64(2000+n%18000) / 100,
		arrivals[n/3%uint32(len(arrivals))],
	}), nil
}

func refundOrder(arguments string) (string, error) {
	var in struct {
		OrderID string  `json:"order_id"`
		Amount  float64 `json:"amount"`
		Reason  string  `json:"reason"`
	}
	if err := json.Unmarshal([]byte(arguments), &in); err != nil {
		return "", fmt.Errorf("%w: amount must be a number", errBadArguments)
	}
	switch {
	case !orderIDs.MatchString(in.OrderID):
		return "", fmt.Errorf("%w: no order %q: ids look like A-12345", errBadArguments, in.OrderID)
	case !slices.Contains(refunds, in.Reason):
		return "", fmt.Errorf("%w: reason %q is none of %s", errBadArguments, in.Reason, strings.Join(refunds, ", "))
	case in.Amount <= 0 || in.Amount > 200:
		return "", fmt.Errorf("%w: amount must be between 0 and 200", errBadArguments)
	}
	return encode(struct {
		OrderID  string  `json:"order_id"`
		Refunded bool    `json:"refunded"`
		Amount   float64 `json:"amount"`
		Days     int     `json:"days"`
	}{in.OrderID, true, in.Amount, int(3 + sum(in.OrderID)%4)}), nil
}

type passage struct {
	Page string `json:"page"`
	Text string `json:"text"`
}

var pages = []passage{
	{"returns", "Returns are free within 60 days, with the label from your account; worn items cannot be taken back."},
	{"shipping", "Shipping costs 4.90 EUR within the EU and nothing above 75 EUR; it takes two to four working days."},
	{"warranty", "Tents, packs and jackets have a warranty of three years on material and seams."},
	{"exchange", "For another size, order the new one and return the old one; we pay both ways."},
	{"care", "Wash down at 30 degrees with special detergent and dry it slowly with two tennis balls."},
	{"payment", "We take cards, bank transfer and invoice for trade customers."},
}

func searchDocs(arguments string) (string, error) {
	var in struct {
		Query string `json:"query"`
	}
	if err := json.Unmarshal([]byte(arguments), &in); err != nil || in.Query == "" {
		return "", fmt.Errorf("%w: a query is needed", errBadArguments)
	}
	best := pages[sum(in.Query)%uint32(len(pages))]
	for _, p := range pages {
		if strings.Contains(strings.ToLower(in.Query), strings.TrimSuffix(p.Page, "s")) {
			best = p
			break
		}
	}
	return encode(map[string][]passage{"passages": {best}}), nil
}

func sum(text string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(text))
	return h.Sum32()
}

// encode is JSON without spaces and with <, > and & as they are.
func encode(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "null"
	}
	return strings.TrimSuffix(b.String(), "\n")
}
