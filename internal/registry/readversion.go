// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
)

// ReadVersion reads a version file of a prompt, so that it can be added. The
// file's name is used for errors only; what it holds under version, author, time
// and the like is kept, its hash is not.
func ReadVersion(file string, data []byte) (NewVersion, error) {
	value, err := parse(sourceFile{kind: kindVersion}, data)
	if err != nil {
		var located *lineError
		if errors.As(err, &located) {
			return NewVersion{}, fmt.Errorf("%s:%d: %w", file, located.line, err)
		}
		return NewVersion{}, fmt.Errorf("%s: %w", file, err)
	}
	doc := value.(*parsedVersion)
	v := NewVersion{
		Version: doc.Version, Format: doc.Format, Params: doc.params, ResponseFormat: doc.responseFormat, Partials: doc.Partials,
		Author: doc.Author, Message: doc.Message, Parent: doc.Parent, Time: doc.Time, Origin: doc.Origin,
	}
	if doc.Template.Kind != 0 {
		v.Template = doc.templates[0].Content
		return v, nil
	}
	for _, t := range doc.templates {
		v.Messages = append(v.Messages, t.TemplateMessage)
	}
	return v, nil
}
