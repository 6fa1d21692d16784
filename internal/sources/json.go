// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// text is a JSON string, number or null: systems are not of one mind about ids.
type text string

// UnmarshalJSON reads it.
func (t *text) UnmarshalJSON(data []byte) error {
	switch {
	case string(data) == "null":
		*t = ""
		return nil
	case data[0] == '"':
		var s string
		err := json.Unmarshal(data, &s)
		*t = text(s)
		return err
	case data[0] == '{' || data[0] == '[' || data[0] == 't' || data[0] == 'f':
		return fmt.Errorf("a text or a number is expected, not %.20s", data)
	}
	*t = text(data)
	return nil
}

// member is a member of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// members reads an object in the order of its members; the last of several with one
// name counts, as everywhere.
func members(object json.RawMessage) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	open, err := d.Token()
	if err != nil {
		return nil, err
	}
	if open != json.Delim('{') {
		return nil, errors.New("it is no JSON object")
	}
	var list []member
	at := map[string]int{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: name.(string)}
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		if i, ok := at[m.name]; ok {
			list[i] = m
			continue
		}
		at[m.name] = len(list)
		list = append(list, m)
	}
	return list, nil
}

// isNull tells an absent value.
func isNull(value json.RawMessage) bool {
	value = bytes.TrimSpace(value)
	return len(value) == 0 || string(value) == "null"
}

// isEmpty tells a value that says nothing.
func isEmpty(value json.RawMessage) bool {
	switch string(bytes.Join(bytes.Fields(value), nil)) {
	case "", "null", "{}", "[]", `""`, "false":
		return true
	}
	return false
}

// object writes members as a JSON object without those that are null; nil when
// there is none.
func object(list []member) json.RawMessage {
	var b bytes.Buffer
	for _, m := range list {
		if isNull(m.value) {
			continue
		}
		if b.Len() == 0 {
			b.WriteByte('{')
		} else {
			b.WriteByte(',')
		}
		b.Write(quote(m.name))
		b.WriteByte(':')
		b.Write(m.value)
	}
	if b.Len() == 0 {
		return nil
	}
	b.WriteByte('}')
	return b.Bytes()
}

func quote(s string) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	return bytes.TrimSpace(b.Bytes())
}

// stringOf is the text of a JSON string.
func stringOf(value json.RawMessage) (string, bool) {
	value = bytes.TrimSpace(value)
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	var s string
	return s, json.Unmarshal(value, &s) == nil
}

// parseTime reads the forms of RFC 3339 that systems write, UTC where no zone is
// named; zero for another text.
func parseTime(value string) time.Time {
	value = strings.TrimSpace(value)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999Z0700"} {
		if t, err := time.Parse(layout, value); err == nil && t.Year() > 1970 && t.Year() < 9999 {
			return t.UTC()
		}
	}
	return time.Time{}
}

// milliseconds is a time as MLflow counts it.
func milliseconds(ms int64) time.Time {
	if ms <= 0 || ms > 253_000_000_000_000 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
