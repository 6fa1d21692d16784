// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e && objectstore

package e2e

import (
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// faultyProxy stands before an object store and makes one of three requests fail.
type faultyProxy struct {
	address  string
	requests atomic.Int64
	through  *httputil.ReverseProxy

	mu       sync.Mutex
	failing  bool
	random   *rand.Rand
	injected map[string]int
}

// faults are the ways to fail: before the request reached the store, within it,
// and after the store has done what was asked.
var faults = []string{"error 500", "error 503", "cut upload", "cut answer", "hung"}

func newFaultyProxy(t *testing.T, store string) *faultyProxy {
	t.Helper()
	target, err := url.Parse("http://" + store)
	require.NoError(t, err)
	p := &faultyProxy{through: httputil.NewSingleHostReverseProxy(target), random: rand.New(rand.NewPCG(3, 9)), injected: map[string]int{}}
	for _, fault := range faults {
		p.injected[fault] = 0
	}
	p.through.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	server := httptest.NewServer(p)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	p.address = strings.TrimPrefix(server.URL, "http://")
	return p
}

func (p *faultyProxy) fail(failing bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failing = failing
}

func (p *faultyProxy) counts() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.injected)
}

// fault chooses how a request fails; empty for not at all.
func (p *faultyProxy) fault() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.failing || p.random.IntN(3) > 0 {
		return ""
	}
	fault := faults[p.random.IntN(len(faults))]
	p.injected[fault]++
	return fault
}

// ServeHTTP implements http.Handler.
func (p *faultyProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.requests.Add(1)
	switch p.fault() {
	case "error 500":
		http.Error(w, "", http.StatusInternalServerError)
	case "error 503":
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
	case "cut upload":
		// Half of it reaches the store, whose connection is cut too.
		r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, r.ContentLength/2), cut{}))
		p.through.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case "cut answer":
		p.through.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case "hung":
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Second):
		}
		panic(http.ErrAbortHandler)
	default:
		p.through.ServeHTTP(w, r)
	}
}

// cut is a connection's sudden end.
type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
