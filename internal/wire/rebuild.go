// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// Grade says how certain it is that a rebuilt request is the recorded one.
type Grade string

// Grades. Only a hash that was recorded with the request and verifies makes a
// request exact.
const (
	// Exact: the request is the recorded one, proved by its hash.
	Exact Grade = "exact"
	// Modelled: no hash was recorded; the request is what the span allows.
	Modelled Grade = "modelled"
	// Mismatch: a hash was recorded and the rebuilt request is another one. It
	// must not be sent.
	Mismatch Grade = "mismatch"
)

// Recorded is what a span carries to rebuild and prove a request.
type Recorded struct {
	// Dialect is empty on spans without our capture.
	Dialect  string
	SHA256   string
	Residual string
	Layout   string
}

// RecordedOf reads the capture from a span's attributes.
func RecordedOf(attributes pcommon.Map) Recorded {
	text := func(key string) string {
		if v, ok := attributes.Get(key); ok && v.Type() == pcommon.ValueTypeStr {
			return v.Str()
		}
		return ""
	}
	return Recorded{
		Dialect: text(identity.AttrRequestDialect), SHA256: text(identity.AttrRequestSHA256),
		Residual: text(identity.AttrRequestResidual), Layout: text(AttrLayout),
	}
}

// Request is a rebuilt request.
type Request struct {
	Dialect string
	// Body is without stream and stream_options.
	Body  *jsondoc.Value
	Grade Grade
	// SHA256 is the rebuilt request's hash, Recorded the span's.
	SHA256, Recorded string
	// Source is the recorded request byte for byte, when that is proved too.
	Source []byte
	Notes  []Note
}

// Rebuild makes the provider request again from a call and what was captured
// with it. The error is ErrDialect; everything else is a note and a grade.
func Rebuild(dialectName string, call *genai.Call, recorded Recorded) (*Request, error) {
	d, err := dialectOf(dialectName)
	if err != nil {
		return nil, err
	}
	r := &Request{Dialect: d.name, Grade: Modelled}
	r.Body, r.Notes = d.base(call)
	applied := r.applyResidual(recorded.Residual)
	r.Body = withoutTransport(r.Body)
	r.prove(recorded.SHA256, applied)
	if r.Grade == Exact && recorded.Layout != "" {
		r.useSource(recorded.Layout)
	}
	return r, nil
}

// useSource takes over the recorded bytes, and with them the order of members,
// when the layout's hash proves them and they hold the request that the
// request's hash proves.
func (r *Request) useSource(layout string) {
	source, err := applyLayout(r.Body, layout)
	if err != nil {
		return
	}
	parsed, err := jsondoc.Parse(source)
	if err != nil {
		return
	}
	if hash, err := Hash(parsed); err == nil && hash == r.SHA256 {
		r.Source, r.Body = source, withoutTransport(parsed)
	}
}

func (r *Request) note(severity Severity, id, format string, args ...any) {
	r.Notes = note(r.Notes, severity, id, "", format, args...)
}

// applyResidual adds what the semantic conventions could not carry; false when
// the residual cannot be used.
func (r *Request) applyResidual(text string) bool {
	if text == "" {
		return true
	}
	residual, err := jsondoc.ParseString(text)
	if err == nil {
		edited := r.Body.Clone()
		if err = applyResidual(edited, residual); err == nil {
			r.Body = edited
			return true
		}
	}
	r.note(Warning, NoteResidual, "spanloop.request.residual does not fit the span and is left out: %v", err)
	return false
}

// prove compares the hash that was recorded with that of the rebuilt request.
func (r *Request) prove(recorded string, applied bool) {
	hash, err := Hash(r.Body)
	if err != nil {
		r.note(Warning, NoteNotCanonical, "the rebuilt request has no hash: %v", err)
	}
	r.SHA256 = hash
	if recorded == "" {
		if !applied {
			r.Grade = Mismatch
			r.note(Error, NoteHashMismatch, "without its residual the request is not the recorded one")
		}
		r.note(Warning, NoteNoHash, "no request hash was recorded: the request is modelled from the span and may differ from what was sent")
		return
	}
	want, ok := hashText(recorded)
	if !ok {
		r.Grade = Mismatch
		r.note(Error, NoteHashMalformed, "spanloop.request.sha256 is no SHA-256 in hex")
		return
	}
	r.Recorded = want
	if hash == want {
		r.Grade = Exact
		r.dropProved()
		return
	}
	r.Grade = Mismatch
	r.note(Error, NoteHashMismatch, "the rebuilt request is not the recorded one: sha256 %.12s instead of %.12s; something on the span was changed, cut or redacted", hash, want)
}

// dropProved drops the notes about guesses that the hash proved right.
func (r *Request) dropProved() {
	kept := r.Notes[:0]
	for _, n := range r.Notes {
		switch n.ID {
		case NoteArguments, NoteSystemMoved, NoteTokenLimit, NoteParamDropped, NotePartUnknown, NotePartDropped, NoteMalformed:
		default:
			kept = append(kept, n)
		}
	}
	r.Notes = kept
}
