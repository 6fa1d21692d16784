// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package durablequeue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	storageID = component.MustNewID("disk")
	errDisk   = errors.New("no space left on device")
)

// disk is a transactional storage that outlives the queues that use it.
type disk struct {
	component.StartFunc
	component.ShutdownFunc

	mu     sync.Mutex
	values map[string][]byte
	// writes is how many transactions that write are still let through; less
	// than zero for all. Once it is zero, dead ends everything, as a kill does.
	writes int
	dead   bool
	// full refuses what writes, unreadable everything.
	full, unreadable bool
}

func (d *disk) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return &diskClient{d}, nil
}

type diskClient struct{ *disk }

func (c *diskClient) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

func (c *diskClient) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c *diskClient) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}
func (*diskClient) Close(context.Context) error { return nil }

func (c *diskClient) Batch(_ context.Context, ops ...*storage.Operation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unreadable {
		return errDisk
	}
	if count(ops, storage.Get) < len(ops) {
		if c.writes == 0 && c.dead || c.full {
			return errDisk
		}
		c.writes--
	}
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = c.values[op.Key]
		case storage.Set:
			c.values[op.Key] = op.Value
		case storage.Delete:
			delete(c.values, op.Key)
		}
	}
	return nil
}

// kill lets so many writes through, then nothing.
func (d *disk) kill(writes int) { d.set(func() { d.writes, d.dead = writes, true }) }

func (d *disk) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func newDisk() *disk { return &disk{values: map[string][]byte{}, writes: -1} }

// after is what the next process finds.
func (d *disk) after() *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &disk{values: maps.Clone(d.values), writes: -1}
}

type host struct {
	extensions map[component.ID]component.Component
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

// tally counts names.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (y *tally) add(name string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.counts == nil {
		y.counts = map[string]int{}
	}
	y.counts[name]++
}

func (y *tally) names() map[string]int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return maps.Clone(y.counts)
}

// process is an exporter with a persistent queue on a disk.
type process struct {
	exporter.Traces
	tally

	host *Host
}

// run starts an exporter; push is called with each name that it sends.
func run(t *testing.T, d *disk, push func(name string) error) (*process, error) {
	t.Helper()
	p := &process{}
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.StorageID = &storageID
	queue.NumConsumers = 4
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval, retry.MaxElapsedTime = time.Millisecond, 0
	inner, err := exporterhelper.NewTraces(t.Context(), exportertest.NewNopSettings(component.MustNewType("test")), &struct{}{},
		func(_ context.Context, td ptrace.Traces) error {
			if td.SpanCount() == 0 {
				// The place of a request that was refused.
				return nil
			}
			name := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Name()
			if err := push(name); err != nil {
				return err
			}
			p.add(name)
			return nil
		},
		exporterhelper.WithQueue(configoptional.Some(queue)), exporterhelper.WithRetry(retry), exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}))
	require.NoError(t, err)
	p.Traces = inner
	p.host = NewHost(&host{map[component.ID]component.Component{storageID: d}}, storageID, zaptest.NewLogger(t))
	err = p.Start(t.Context(), p.host)
	return p, errors.Join(err, p.host.Started(t.Context()))
}

func (p *process) stop(t *testing.T) {
	t.Helper()
	p.host.Stop()
	// A queue whose storage died says so.
	_ = p.Shutdown(context.WithoutCancel(t.Context()))
}

func named(name string) ptrace.Traces {
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName(name)
	return td
}

func refuse(string) error { return errors.New("the destination is down") }
func accept(string) error { return nil }

// Four requests are on their way when the first process ends.
var items = []string{"a", "b", "c", "d"}

func leftOnTheWay(t *testing.T) *disk {
	t.Helper()
	d := newDisk()
	var tried tally
	p, err := run(t, d, func(name string) error { tried.add(name); return refuse(name) })
	require.NoError(t, err)
	for _, name := range items {
		require.NoError(t, p.ConsumeTraces(t.Context(), named(name)))
	}
	require.Eventually(t, func() bool { return len(tried.names()) == len(items) }, 5*time.Second, time.Millisecond)
	left := d.after()
	p.stop(t)
	return left
}

func requireAll(t *testing.T, d *disk) {
	t.Helper()
	p, err := run(t, d, accept)
	require.NoError(t, err)
	defer p.stop(t)
	require.Eventually(t, func() bool { return len(p.names()) == len(items) }, 5*time.Second, time.Millisecond, "an acknowledged request is lost: %v", p.names())
}

// A second kill while the queue is taken up again, after any of its writes,
// loses nothing.
func TestKilledDuringRecovery(t *testing.T) {
	left := leftOnTheWay(t)
	for writes := range 12 {
		d := left.after()
		d.kill(writes)
		p, err := run(t, d, refuse)
		if writes == 0 {
			require.ErrorContains(t, err, `storage "disk": the queue that an earlier run left cannot be taken up`)
		}
		time.Sleep(2 * time.Millisecond)
		next := d.after()
		p.stop(t)
		requireAll(t, next)
	}
}

// Killed again and again, at any write of the recovery or of the work, with new
// requests coming in: what was acknowledged is received in the end.
func TestKilledAgainAndAgain(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	d := newDisk()
	var acknowledged, received tally
	for round := range 100 {
		d = d.after()
		d.kill(random.IntN(25))
		p, err := run(t, d, func(name string) error {
			if random := rand.N(3); random == 0 {
				return refuse(name)
			}
			received.add(name)
			return nil
		})
		for n := range 8 {
			if err != nil {
				break
			}
			name := fmt.Sprint(round, "/", n)
			if p.ConsumeTraces(t.Context(), named(name)) == nil {
				acknowledged.add(name)
			}
		}
		time.Sleep(time.Duration(random.IntN(3)) * time.Millisecond)
		next := d.after()
		p.stop(t)
		d = next
	}
	require.NotEmpty(t, acknowledged.names(), "nothing was acknowledged: the test proves nothing")
	p, err := run(t, d.after(), func(name string) error { received.add(name); return nil })
	require.NoError(t, err)
	defer p.stop(t)
	missing := func() (names []string) {
		all := received.names()
		for name := range acknowledged.names() {
			if all[name] == 0 {
				names = append(names, name)
			}
		}
		return names
	}
	assert.Eventually(t, func() bool { return len(missing()) == 0 }, 10*time.Second, 10*time.Millisecond)
	assert.Empty(t, missing(), "acknowledged requests are lost")
}

// On a full disk the start fails, and a later one has everything.
func TestRecoveryWithoutRoom(t *testing.T) {
	d := leftOnTheWay(t)
	d.set(func() { d.full = true })
	p, err := run(t, d, accept)
	require.ErrorIs(t, err, errDisk)
	p.stop(t)
	d.set(func() { d.full = false })
	requireAll(t, d)
}

// While the disk is full new requests are refused; those that were acknowledged
// are sent.
func TestFullWhileRunning(t *testing.T) {
	d := newDisk()
	open := make(chan struct{})
	p, err := run(t, d, func(string) error { <-open; return nil })
	require.NoError(t, err)
	waiting := append([]string{"e", "f", "g", "h", "i"}, items...)
	for _, name := range waiting {
		require.NoError(t, p.ConsumeTraces(t.Context(), named(name)))
	}
	d.set(func() { d.full = true })
	err = p.ConsumeTraces(t.Context(), named("refused"))
	require.ErrorContains(t, err, `storage "disk": no space left on device`)
	close(open)
	require.Eventually(t, func() bool { return len(p.names()) == len(waiting) }, 5*time.Second, time.Millisecond, "%v", p.names())
	d.set(func() { d.full = false })
	require.NoError(t, p.ConsumeTraces(t.Context(), named("accepted")))
	require.Eventually(t, func() bool { return p.names()["accepted"] == 1 }, 5*time.Second, time.Millisecond)
	assert.Zero(t, p.names()["refused"])
	p.stop(t)
	d.mu.Lock()
	defer d.mu.Unlock()
	assert.Len(t, d.values, 1, "what was sent is deleted, also what could not be at once")
}

// Another storage extension, or none, is left alone.
func TestOtherExtensions(t *testing.T) {
	nop := componenttest.NewNopHost()
	assert.NoError(t, NewHost(nop, storageID, zaptest.NewLogger(t)).Started(t.Context()))
	other := component.MustNewID("other")
	d := newDisk()
	h := NewHost(&host{map[component.ID]component.Component{storageID: d, other: d}}, storageID, zaptest.NewLogger(t))
	assert.Same(t, d, h.GetExtensions()[other])
	assert.NotEqual(t, component.Component(d), h.GetExtensions()[storageID])
}
