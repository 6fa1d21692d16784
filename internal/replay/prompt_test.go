// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/registry"
)

func TestCommit(t *testing.T) {
	dir := registryFolder(t)
	snapshot := load(t, dir)
	plan := planned(t, snapshot, supportCall(t, snapshot), Changes{Edits: []Edit{{"Be brief.", "Be brief and kind."}}})
	version, err := plan.NewVersion("ada", "why")
	require.NoError(t, err)
	added, err := registry.AddVersion(dir, version)
	require.NoError(t, err)
	require.NoError(t, plan.Verify(added))
	assert.Equal(t, "v1", added.Parent)
	assert.Contains(t, added.Messages[0].Content, "You help {{name}}.", "variables stay variables")
	assert.JSONEq(t, `{"temperature":0.2,"top_p":0.9}`, string(added.Params))
	after := load(t, dir)
	assert.Equal(t, plan.Treatment.At("/messages/0/content").Str(), render(t, after, added.Version), "it renders to what was replayed")
}

func TestCommitKeepsThePinsOfPartials(t *testing.T) {
	dir := registryFolder(t)
	snapshot := load(t, dir)
	call := supportCall(t, snapshot)
	call.body, call.prompt = chatBody(render(t, snapshot, "v4")), "v4"
	require.Contains(t, call.body, "Use the tools.", "v4 pins rules v1, although there is a v2")
	plan := planned(t, snapshot, call, Changes{Edits: []Edit{{"End.", "The end."}}})
	version, err := plan.NewVersion("ada", "why")
	require.NoError(t, err)
	added, err := registry.AddVersion(dir, version)
	require.NoError(t, err)
	require.NoError(t, plan.Verify(added))
}

func TestWhatCannotBeCommitted(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	for name, c := range map[string]struct {
		edit Edit
		want string
	}{
		"a variable's value": {Edit{"Ada.", "Bob."}, "comes from a variable or a partial"},
		"a partial's text":   {Edit{"Use the tools.", "Use no tools."}, "comes from a variable or a partial"},
		"template tags":      {Edit{"Be brief.", "Be {{tone}}."}, "template tags"},
	} {
		plan := planned(t, snapshot, supportCall(t, snapshot), Changes{Edits: []Edit{c.edit}})
		_, err := plan.NewVersion("ada", "")
		require.ErrorIs(t, err, ErrChange, name)
		assert.Contains(t, err.Error(), c.want, name)
	}
	unregistered := recording{body: chatBody("Something else."), answer: chatAnswer("m-1", "{}")}
	plan := planned(t, nil, unregistered, Changes{Edits: []Edit{{"else", "other"}}})
	_, err := plan.NewVersion("ada", "")
	require.ErrorIs(t, err, ErrChange)
	plan = planned(t, snapshot, supportCall(t, snapshot), Changes{PromptVersion: "v2"})
	_, err = plan.NewVersion("ada", "")
	require.ErrorIs(t, err, ErrChange, "without an edit there is nothing new")
}

func TestVerifyFindsOtherText(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	plan := planned(t, snapshot, supportCall(t, snapshot), Changes{Edits: []Edit{{"Be brief.", "Be long."}}})
	err := plan.Verify(snapshot.Prompt("support").Version("v2"))
	require.ErrorIs(t, err, ErrChange)
	assert.Contains(t, err.Error(), "does not render to the text that was replayed")
}

func TestVersionOfSeveralMessages(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	call := supportCall(t, snapshot)
	call.prompt = "v3"
	call.body = `{"model":"alias","temperature":0.2,"top_p":0.9,"messages":[{"role":"developer","content":"You help Ada."},{"role":"user","content":"Remember: Ada is a customer."},{"role":"user","content":"Where is 17?"}]}`
	plan := planned(t, snapshot, call, Changes{PromptVersion: "v1"})
	assert.Equal(t, 2, plan.Treatment.Member("messages").Len(), "two messages become one")
	assert.Equal(t, render(t, snapshot, "v1"), plan.Treatment.At("/messages/0/content").Str())
	assert.Equal(t, "Where is 17?", plan.Treatment.At("/messages/1/content").Str())
	edited := planned(t, snapshot, call, Changes{Edits: []Edit{{"is a customer", "is a good customer"}}})
	assert.Equal(t, "Remember: Ada is a good customer.", edited.Treatment.At("/messages/1/content").Str(), "all messages of the version are the prompt")
}
