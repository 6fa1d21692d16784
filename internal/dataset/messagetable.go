// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"strings"
	"unsafe"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
)

// messageColumns is the table of messages, in file order.
var messageColumns = []column{
	{"prompt_name", stringType, true, dict, ColumnDoc{Meaning: "prompt of the calls that the message was sent with"}},
	{"prompt_version", stringType, true, dict, ColumnDoc{Meaning: "version of that prompt"}},
	{"date", dateType, true, dict, ColumnDoc{Meaning: "day of their start_time (UTC); partition"}},
	{"hash", stringType, true, bloom, ColumnDoc{Meaning: "first 32 hex digits of SHA-256 over content"}},
	{"role", stringType, false, dict, ColumnDoc{Meaning: "role of the message"}},
	{"content", stringType, true, text, ColumnDoc{Type: "JSON", Meaning: "the message as it stood in input_messages, white space around it included"}},
	{"size", int32Type, true, plain, ColumnDoc{Unit: "bytes", Meaning: "size of content"}},
}

// messageLeaves are the columns of the table messages.
type messageLeaves struct {
	PromptName    *parquetfile.Column `path:"prompt_name"`
	PromptVersion *parquetfile.Column `path:"prompt_version"`
	Date          *parquetfile.Column `path:"date"`
	Hash          *parquetfile.Column `path:"hash"`
	Role          *parquetfile.Column `path:"role"`
	Content       *parquetfile.Column `path:"content"`
	Size          *parquetfile.Column `path:"size"`
}

// hashSize is the length of a message's hash.
const hashSize = 32

// messageHash is the identity of a message: 128 bits of SHA-256, so that nobody
// makes two messages of one hash.
func messageHash(content string) string {
	sum := sha256.Sum256(unsafe.Slice(unsafe.StringData(content), len(content)))
	return hex.EncodeToString(sum[:hashSize/2])
}

// messageTable writes the messages that the spans of one partition refer to.
// Which spans refer depends on the spans alone, so that a batch that is sent
// again makes the same span files.
type messageTable struct {
	enc    *parquetfile.Writer
	c      messageLeaves
	memory *messageMemory

	// folder is the partition that is being written; shared is for one whose
	// rows come from several, for which nothing is remembered.
	folder partition
	shared bool
	rows   int
	// fresh are the messages of this file, by fingerprint.
	fresh map[fingerprint]string
	// part is the partition of the last row, salt its fingerprint.
	part partition
	salt fingerprint

	pieces, refs []string
}

func newMessageTable(codec string, memory *messageMemory) (*messageTable, error) {
	enc, err := newEncoder(TableMessages, codec)
	if err != nil {
		return nil, err
	}
	t := &messageTable{enc: enc, memory: memory}
	return t, bind(enc, &t.c)
}

// begin starts the file of a partition.
func (t *messageTable) begin(folder partition) {
	t.folder, t.shared, t.rows = folder, folder.name == Mixed, 0
	t.fresh = map[fingerprint]string{}
	t.part, t.salt = partition{}, fingerprint{}
}

// release forgets the texts and hashes of the last push.
func (t *messageTable) release() {
	clear(t.pieces[:cap(t.pieces)])
	t.fresh, t.part, t.salt = nil, partition{}, fingerprint{}
}

// refer returns the hashes of a history's messages in order, and writes those
// that the partition does not hold; nil for a history that stays inline. The
// list is good until the next call.
func (t *messageTable) refer(part partition, history string) ([]string, error) {
	if len(history) < minHistoryMessages*minMessageBytes || strings.Count(history, "{") < minHistoryMessages {
		return nil, nil
	}
	pieces, ok := splitHistory(history, t.pieces[:0])
	t.pieces = pieces
	if !ok || !worthReferring(history, len(pieces)) {
		return nil, nil
	}
	if part != t.part || t.salt == (fingerprint{}) {
		t.part, t.salt = part, t.memory.saltOf(part)
	}
	t.refs = t.refs[:0]
	for _, piece := range pieces {
		hash, err := t.hashOf(piece)
		if err != nil {
			return nil, err
		}
		t.refs = append(t.refs, hash)
	}
	return t.refs, nil
}

// hashOf finds a message among those that are stored, or writes it.
func (t *messageTable) hashOf(content string) (string, error) {
	print := t.memory.printOf(content, t.salt)
	if hash, met := t.fresh[print]; met {
		return hash, nil
	}
	if !t.shared {
		if hash, known := t.memory.find(print); known {
			return hash, nil
		}
	}
	hash := messageHash(content)
	t.fresh[print] = hash
	t.rows++
	t.c.PromptName.Text(clean(t.part.name))
	t.c.PromptVersion.Text(clean(t.part.version))
	t.c.Date.Int(t.part.day)
	t.c.Hash.Text(hash)
	t.c.Role.Optional(roleOf(content))
	t.c.Content.Text(content)
	t.c.Size.Int(clampInt32(len(content)))
	return hash, t.enc.EndRow(len(content))
}

// fingerprint stands for a message of a partition within this process. Its seed
// is random: users control the text.
type fingerprint [2]uint64

// printOf is the fingerprint of a message of the partition with a salt.
func (m *messageMemory) printOf(content string, salt fingerprint) fingerprint {
	return fingerprint{maphash.String(m.seeds[0], content) ^ salt[0], maphash.String(m.seeds[1], content) ^ salt[1]}
}

func (m *messageMemory) saltOf(part partition) fingerprint {
	return fingerprint{maphash.Comparable(m.seeds[0], part), maphash.Comparable(m.seeds[1], part)}
}
