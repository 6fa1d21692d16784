// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// assembler puts the events of a stream together into the document that the
// same answer has when it is not streamed.
type assembler interface {
	// event takes one event; done says that it was the last one.
	event(data *jsondoc.Value) (done bool, err error)
	// document returns the answer; false when the stream ended too early.
	document() (*jsondoc.Value, bool)
}

const (
	// maxEvent bounds one event in bytes, maxIndex the choices, blocks and tool
	// calls of one answer.
	maxEvent = 16 << 20
	maxIndex = 1024
)

var errStream = errors.New("event stream")

// readStream feeds the events of a stream (text/event-stream, WHATWG HTML §9.2)
// to an assembler. first is called when the first event has arrived.
func readStream(source io.Reader, a assembler, first func()) error {
	reader := bufio.NewReaderSize(source, 64<<10)
	var data strings.Builder
	seen := false
	flush := func() (bool, error) {
		text := data.String()
		data.Reset()
		if text == "" {
			return false, nil
		}
		if !seen {
			seen = true
			first()
		}
		if text == "[DONE]" {
			return true, nil
		}
		v, err := jsondoc.ParseString(text)
		if err != nil {
			return false, fmt.Errorf("%w: %w", errStream, err)
		}
		return a.event(v)
	}
	for {
		line, err := readLine(reader)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: %w", errStream, err)
		}
		end := errors.Is(err, io.EOF)
		if value, ok := strings.CutPrefix(line, "data:"); ok {
			if data.Len() > 0 {
				data.WriteByte('\n')
			}
			data.WriteString(strings.TrimPrefix(value, " "))
			if data.Len() > maxEvent {
				return fmt.Errorf("%w: an event of more than %d bytes", errStream, maxEvent)
			}
		}
		if line == "" || end {
			done, err := flush()
			if err != nil || done || end {
				return err
			}
		}
	}
}

// readLine returns a line without its end.
func readLine(reader *bufio.Reader) (string, error) {
	var line strings.Builder
	for {
		part, err := reader.ReadSlice('\n')
		line.Write(part)
		if line.Len() > maxEvent {
			return "", fmt.Errorf("a line of more than %d bytes", maxEvent)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return strings.TrimRight(line.String(), "\r\n"), err
	}
}

// ParseStream reads an answer that arrived as events.
func ParseStream(dialectName string, status int, source io.Reader) (*Response, error) {
	d, err := dialectOf(dialectName)
	if err != nil {
		return nil, err
	}
	r := &Response{Status: status, Streamed: true}
	return r, r.readStream(d, source, func() {})
}

func (r *Response) readStream(d *dialect, source io.Reader, first func()) error {
	a := d.stream()
	err := readStream(source, a, first)
	var failure *APIError
	switch document, complete := a.document(); {
	case errors.As(err, &failure):
		r.Body = document
		r.fail(d, failure)
	case err != nil:
		return fmt.Errorf("%s answer: %w", d.name, err)
	case !complete:
		r.Body = document
		r.fail(d, &APIError{Type: "stream_incomplete", Message: "the event stream ended before the answer did"})
	default:
		r.read(d, document)
	}
	return nil
}
