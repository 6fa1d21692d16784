// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package fetchapi answers over HTTP which prompt an application is to use. It
// reads the registry's snapshot in memory and writes nothing.
package fetchapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/registry"
)

// New returns the handler over the registry that snapshot returns.
func New(snapshot func() *registry.Snapshot) http.Handler {
	a := &api{snapshot: snapshot, now: time.Now}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /v1/prompts/{name}", a.own)
	mux.HandleFunc("GET /api/public/v2/prompts/{name}", a.langfuse)
	mux.HandleFunc("/api/public/v2/prompts", readOnly)
	mux.HandleFunc("/api/public/v2/prompts/", readOnly)
	return mux
}

type api struct {
	snapshot func() *registry.Snapshot
	now      func() time.Time
}

// failure is an answer that is an error: message says what and what to do.
type failure struct {
	status  int
	Message string `json:"message"`
	Error   string `json:"error"`
}

func refuse(status int, message string) *failure {
	return &failure{status: status, Message: message, Error: strings.ReplaceAll(http.StatusText(status), " ", "") + "Error"}
}

func (f *failure) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(f)
}

func readOnly(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Allow", "GET, HEAD")
	refuse(http.StatusMethodNotAllowed, "this API only serves single prompts; change the registry's files instead (spanloop prompt add, spanloop prompt release)").write(w)
}

// answer writes a body with its ETag, or 304 when the client has it.
func answer(w http.ResponseWriter, r *http.Request, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		refuse(http.StatusInternalServerError, "the prompt cannot be written as JSON: "+err.Error()).write(w)
		return
	}
	sum := sha256.Sum256(data)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "private, no-cache")
	if holds(r.Header.Get("If-None-Match"), tag) {
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
