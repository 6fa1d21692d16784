// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func start(t *testing.T, script string) *Process {
	t.Helper()
	p, err := Start(Options{Name: "child", Path: "/bin/sh", Args: []string{"-c", script}, LogDir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(p.Kill)
	return p
}

func TestStopEndsTheChild(t *testing.T) {
	p := start(t, "exec sleep 60")
	require.NoError(t, p.Stop(10*time.Second))
	require.NoError(t, p.Stop(time.Second), "a second stop is harmless")
}

func TestStopKillsADeafChild(t *testing.T) {
	p := start(t, "trap '' INT; echo deaf; while :; do sleep 0.05; done")
	require.Eventually(t, func() bool { return p.Tail(1) == "deaf\n" }, 5*time.Second, 5*time.Millisecond)
	assert.ErrorContains(t, p.Stop(50*time.Millisecond), "was killed")
}

func TestWaitListeningNamesTheReasonOfAnEarlyEnd(t *testing.T) {
	port, err := FreePort()
	require.NoError(t, err)
	p := start(t, "echo no such option; exit 3")
	err = p.WaitListening(context.Background(), fmt.Sprintf("127.0.0.1:%d", port))
	assert.ErrorContains(t, err, "exit status 3")
	assert.ErrorContains(t, err, "no such option")
}

func TestTail(t *testing.T) {
	p := start(t, "echo one; echo two; echo three")
	<-p.Done()
	assert.Equal(t, "two\nthree\n", p.Tail(2))
	assert.Equal(t, "one\ntwo\nthree\n", p.Tail(9))
}

func TestOutReceivesWhatTheLogReceives(t *testing.T) {
	var out bytes.Buffer
	p, err := Start(Options{Name: "child", Path: "/bin/sh", Args: []string{"-c", "echo one; echo two >&2"}, LogDir: t.TempDir(), Out: &out})
	require.NoError(t, err)
	require.NoError(t, p.Wait(context.Background(), time.Second))
	assert.Equal(t, "one\ntwo\n", out.String())
	assert.Equal(t, "one\ntwo\n", p.Tail(9))
}

func TestWaitSaysWhyAChildFailed(t *testing.T) {
	p := start(t, "echo no space left; exit 4")
	err := p.Wait(context.Background(), time.Second)
	assert.ErrorContains(t, err, "child ended: exit status 4")
	assert.ErrorContains(t, err, "no space left")
}

func TestWaitStopsTheChildWithTheContext(t *testing.T) {
	p := start(t, "exec sleep 60")
	ctx, cancel := context.WithCancelCause(context.Background())
	reason := errors.New("the collector ended")
	cancel(reason)
	assert.ErrorIs(t, p.Wait(ctx, 10*time.Second), reason)
	select {
	case <-p.Done():
	default:
		t.Error("the child runs on")
	}
}

func TestEndedNamesAnEndWithoutError(t *testing.T) {
	p := start(t, "echo bye")
	assert.ErrorContains(t, p.Ended(), "child ended: exit status 0\nbye")
}
