// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import "fmt"

// Severity of a Note.
type Severity string

// Severities. With an Error nothing is sent; a Warning says that the replay may
// differ from the recorded call; Info is worth knowing.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Note is one finding about how faithful a rebuilt request is.
type Note struct {
	// ID is stable: scripts match on it (docs/replay.md lists all).
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
	// Pointer leads to the place in the request, when there is one.
	Pointer string `json:"pointer,omitempty"`
}

// Ids of the notes that building a request makes.
const (
	NoteMalformed     = "content-malformed"
	NotePartUnknown   = "part-unknown"
	NotePartDropped   = "part-dropped"
	NoteParamDropped  = "parameter-dropped"
	NoteSystemMoved   = "system-moved"
	NoteArguments     = "arguments-reencoded"
	NoteResidual      = "residual-unusable"
	NoteMaxTokens     = "max-tokens-missing"
	NoteTokenLimit    = "token-limit-name"
	NoteNotCanonical  = "not-canonical"
	NoteHashMismatch  = "hash-mismatch"
	NoteHashMalformed = "hash-malformed"
	NoteNoHash        = "no-hash"
)

// maxNotes bounds what a hostile span can make us say.
const maxNotes = 64

func note(list []Note, severity Severity, id, pointer, format string, args ...any) []Note {
	if len(list) >= maxNotes {
		return list
	}
	return append(list, Note{ID: id, Severity: severity, Pointer: pointer, Text: fmt.Sprintf(format, args...)})
}
