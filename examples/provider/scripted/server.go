// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"
)

// maxBody is the largest request that is read.
const maxBody = 8 << 20

// Options set up a Server.
type Options struct {
	// Seed chooses the noise.
	Seed uint64
	// Speed divides the time that answers take; 0 means no waiting at all.
	Speed float64
	// Admin opens POST /admin/model.
	Admin bool
	// AnswerModel is the model that serves the alias example-large at first;
	// empty means its own snapshot.
	AnswerModel string
}

// Server answers chat completions and Messages requests by the policy.
type Server struct {
	options Options
	noise   *noise
	// answering is the model behind the default alias.
	answering atomic.Pointer[Model]
	served    atomic.Int64
	mux       *http.ServeMux
}

// NewServer returns a provider, or an error when Options name an unknown model.
func NewServer(o Options) (*Server, error) {
	s := &Server{options: o, noise: newNoise(o.Seed), mux: http.NewServeMux()}
	if o.AnswerModel == "" {
		o.AnswerModel = DefaultModel
	}
	if err := s.Answer(o.AnswerModel); err != nil {
		return nil, err
	}
	s.mux.HandleFunc("POST /v1/chat/completions", s.chatCompletions)
	s.mux.HandleFunc("POST /v1/messages", s.messages)
	s.mux.HandleFunc("GET /v1/models", s.listModels)
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"status": "ok"})
	})
	if o.Admin {
		s.mux.HandleFunc("POST /admin/model", s.admin)
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		chatError(w, http.StatusNotFound, "invalid_request_error", "Invalid URL ("+r.Method+" "+r.URL.Path+")", "", "")
	})
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Served is the number of model calls answered so far.
func (s *Server) Served() int64 { return s.served.Load() }

// Answer lets another model serve the default alias, as providers do when they
// update a model behind an unchanged name.
func (s *Server) Answer(name string) error {
	m, ok := modelByName(name)
	if !ok {
		return errors.New("unknown model " + name)
	}
	s.answering.Store(&m)
	return nil
}

// modelFor is the model that serves a requested name: a snapshot serves itself,
// the default alias whatever is behind it now.
func (s *Server) modelFor(name string) (Model, bool) {
	if name == DefaultModel {
		return *s.answering.Load(), true
	}
	return modelByName(name)
}

func (s *Server) admin(w http.ResponseWriter, r *http.Request) {
	var body struct {
		AnswerModel string `json:"answer_model"`
	}
	if !readJSON(w, r, &body, chatBadJSON) {
		return
	}
	if err := s.Answer(body.AnswerModel); err != nil {
		chatError(w, http.StatusBadRequest, "invalid_request_error", err.Error(), "answer_model", "")
		return
	}
	m := s.answering.Load()
	writeJSON(w, http.StatusOK, map[string]any{"alias": DefaultModel, "answer_model": m.ID, "system_fingerprint": m.Fingerprint})
}

func (s *Server) listModels(w http.ResponseWriter, _ *http.Request) {
	type entry struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Created int64  `json:"created"`
		OwnedBy string `json:"owned_by"`
	}
	list := []entry{}
	for _, m := range models {
		list = append(list, entry{m.Alias, "model", 1756857600, "example"}, entry{m.ID, "model", 1756857600, "example"})
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": list})
}

// answers decides all choices of a request and how long they take.
func (s *Server) answers(r *request, m Model) ([]answer, *rand.Rand, time.Duration) {
	rng := s.noise.source(r)
	r.promptTokens = r.countTokens()
	out := make([]answer, max(1, r.Choices))
	longest := 0
	for i := range out {
		out[i] = decide(r, m, rng)
		longest = max(longest, out[i].Tokens)
	}
	s.served.Add(1)
	return out, rng, s.scaled(m.latency(longest, rng))
}

func (s *Server) scaled(d time.Duration) time.Duration {
	if s.options.Speed <= 0 {
		return 0
	}
	return time.Duration(float64(d) / s.options.Speed)
}

// wait sleeps unless the caller goes away first.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// readJSON decodes a request's body; what is wrong is reported by fail.
func readJSON(w http.ResponseWriter, r *http.Request, into any, fail func(http.ResponseWriter, int, string)) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		fail(w, http.StatusRequestEntityTooLarge, "the body cannot be read: "+err.Error())
		return false
	}
	if err := json.Unmarshal(body, into); err != nil {
		fail(w, http.StatusBadRequest, "We could not parse the JSON body of your request: "+err.Error())
		return false
	}
	return true
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
}
