// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package fetchapi answers over HTTP which prompt an application is to use
// (docs/fetch-api.md). It reads the registry's snapshot in memory and writes
// nothing.
package fetchapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/registry"
)

// New returns the handler over the registry that snapshot returns; nil means
// that the registry is not open.
func New(snapshot func() *registry.Snapshot) http.Handler {
	a := &api{snapshot: snapshot, now: time.Now, random: rand.Float64}
	mux := http.NewServeMux()
	mux.Handle("/healthz", reading(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) }))
	mux.Handle("/v1/prompts", reading(a.list))
	mux.Handle("/v1/prompts/{name...}", reading(a.own))
	mux.Handle("/v1/render", accepting(a.render, http.MethodPost))
	mux.Handle("/api/public/v2/prompts", reading(a.langfuseList))
	mux.Handle("/api/public/v2/prompts/{name...}", reading(a.langfuse))
	mux.Handle("/api/public/projects", reading(a.langfuseProjects))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(http.StatusNotFound, "there is nothing at this path; prompts are at /v1/prompts and, in Langfuse's shape, at /api/public/v2/prompts").write(w)
	})
	return mux
}

type api struct {
	snapshot func() *registry.Snapshot
	now      func() time.Time
	// random returns a number in [0, 1).
	random func() float64
}

// failure is an answer that is an error: message says what and what to do.
type failure struct {
	status  int
	Message string `json:"message"`
	Error   string `json:"error"`
}

func refuse(status int, format string, args ...any) *failure {
	return &failure{status: status, Message: fmt.Sprintf(format, args...), Error: strings.ReplaceAll(http.StatusText(status), " ", "") + "Error"}
}

func (f *failure) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(f)
}

// Refuse writes an answer in the form of this API's errors.
func Refuse(w http.ResponseWriter, status int, message string) {
	refuse(status, "%s", message).write(w)
}

func reading(next http.HandlerFunc) http.Handler {
	return accepting(next, http.MethodGet, http.MethodHead)
}

// accepting answers other methods than these with what to do instead.
func accepting(next http.HandlerFunc, methods ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(methods, r.Method) {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			refuse(http.StatusMethodNotAllowed, "%.20q is not possible here; this API changes nothing: change the registry's files instead (spanloop prompt add, spanloop prompt release)", r.Method).write(w)
			return
		}
		next(w, r)
	})
}

// answer writes a body with its ETag, or 304 when the client has it.
func answer(w http.ResponseWriter, r *http.Request, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		refuse(http.StatusInternalServerError, "the answer cannot be written as JSON: %v", err).write(w)
		return
	}
	sum := sha256.Sum256(data)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "private, no-cache")
	w.Header().Add("Vary", headerKey)
	if r.Method != http.MethodPost && holds(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data)
}

func holds(header, tag string) bool {
	return slices.ContainsFunc(strings.Split(header, ","), func(t string) bool {
		t = strings.TrimPrefix(strings.TrimSpace(t), "W/")
		return t == tag || t == "*"
	})
}
