// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package sources reads prompts from the systems that teams keep them in, and
// imports them into a registry (docs/sources.md).
package sources

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/registry"
)

// Prompt is a prompt as a system holds it.
type Prompt struct {
	// Name is how the system spells it.
	Name        string
	ID          string
	Description string
	Tags        []string
	// Versions are ordered from the oldest.
	Versions []*Version
	// Gaps are what is not carried over of the prompt as a whole.
	Gaps []Gap
}

// Version is one version of a prompt.
type Version struct {
	// Number is the version as the system counts or names it.
	Number string
	ID     string
	// Template is the one text, unless there are Messages.
	Template string
	Messages []registry.TemplateMessage
	// Format is the registry's template language of the texts.
	Format         string
	Params         json.RawMessage
	ResponseFormat json.RawMessage
	// Tools are tool definitions in the shape of their provider.
	Tools []json.RawMessage
	// Variables are types and defaults that the version declares.
	Variables map[string]registry.VariableSpec
	Author    string
	// Time is when it was made; zero where the system does not tell.
	Time    time.Time
	Message string
	// Parent is the Number of the version that it was made from.
	Parent string
	// Labels point to the version now.
	Labels []Label
	// Gaps are what is not carried over of an imported version.
	Gaps []Gap
	// Unfit says why the version cannot be carried over at all; empty when it can.
	Unfit string
}

// Label is a name that moves from version to version: an environment, an alias.
type Label struct {
	Name string
	// Time is since when; zero where the system does not tell.
	Time   time.Time
	Author string
}

// Gap is something that is not carried over, or not as it is.
type Gap struct {
	What, Reason string
	// Adapted is true when it is carried over in another form.
	Adapted bool
}

func (v *Version) gap(what, reason string, args ...any) {
	v.Gaps = append(v.Gaps, Gap{What: what, Reason: fmt.Sprintf(reason, args...)})
}

func (v *Version) adapted(what, reason string, args ...any) {
	v.Gaps = append(v.Gaps, Gap{What: what, Reason: fmt.Sprintf(reason, args...), Adapted: true})
}

func (p *Prompt) gap(what, reason string, args ...any) {
	p.Gaps = append(p.Gaps, Gap{What: what, Reason: fmt.Sprintf(reason, args...)})
}

// unfit keeps the first reason why a version cannot be carried over.
func (v *Version) unfit(reason string, args ...any) {
	if v.Unfit == "" {
		v.Unfit = fmt.Sprintf(reason, args...)
	}
}

// Options say where a system is and how to reach it.
type Options struct {
	// URL is the address of the system; empty for the environment's, else the
	// system's own.
	URL string
	// File is an export, a file or a folder.
	File string
	// PlainHTTP allows credentials over http:// to another machine.
	PlainHTTP bool
	// Getenv reads the environment, which is the only place for credentials.
	Getenv func(string) string
	// Agent is the User-Agent of requests.
	Agent string

	transport http.RoundTripper
	wait      func(context.Context, time.Duration) error
}

// list walks over the prompts whose names are wanted. An error ends it.
type list = iter.Seq2[*Prompt, error]

// fetch is how a system is read.
type fetch func(ctx context.Context, wanted func(name string) bool) list

// Source is a system that can be read.
type Source struct {
	System string
	// URL is the address without credentials; empty for a file.
	URL string

	prompts fetch
}

// Prompts walks over the prompts whose names are wanted. An error ends the walk;
// what came before it is whole.
func (s *Source) Prompts(ctx context.Context, wanted func(name string) bool) iter.Seq2[*Prompt, error] {
	return s.prompts(ctx, wanted)
}

// Errors of Open. They are of configuration; what comes from Prompts is of the
// system.
var (
	ErrUnknownSystem = errors.New("unknown system")
	ErrConfiguration = errors.New("configuration")
)

// configError is an error in how the system was named or authenticated.
type configError struct{ text string }

func (e *configError) Error() string        { return e.text }
func (e *configError) Is(target error) bool { return target == ErrConfiguration }

func misconfigured(format string, args ...any) error {
	return &configError{fmt.Sprintf(format, args...)}
}

// system describes one of the systems.
type system struct {
	name string
	// address is where the vendor serves it; empty where everybody has their own.
	address string
	// addressVars are environment variables with another address.
	addressVars []string
	// login makes the headers of a request from the environment.
	login func(env func(string) string) (credentials, error)
	// open returns how to read it over HTTP.
	open func(c *client) fetch
	// file returns how to read an export; nil where there is none.
	file func(path string) (fetch, error)
}

// credentials are headers that only the system itself may see.
type credentials struct {
	headers map[string]string
	// secrets never appear in an error.
	secrets []string
}

func systems() []system {
	return []system{
		langfuse, langsmith, promptlayer, braintrust, humanloop, helicone, agenta, respan, phoenix, mlflow,
	}
}

// Systems are the names of the systems.
func Systems() []string {
	var names []string
	for _, s := range systems() {
		names = append(names, s.name)
	}
	slices.Sort(names)
	return names
}

// Open prepares to read a system; nothing is read yet.
func Open(name string, o Options) (*Source, error) {
	at := slices.IndexFunc(systems(), func(s system) bool { return s.name == name })
	if at < 0 {
		return nil, fmt.Errorf("%w %q: it is none of %s", ErrUnknownSystem, name, strings.Join(Systems(), ", "))
	}
	s := systems()[at]
	if o.File != "" {
		return s.openFile(o)
	}
	if s.open == nil {
		return nil, misconfigured("%s is shut: import its export with --file", name)
	}
	address, from := o.URL, "--url"
	for _, variable := range s.addressVars {
		if address == "" && o.Getenv(variable) != "" {
			address, from = o.Getenv(variable), variable
		}
	}
	if address == "" {
		address, from = s.address, "the default"
	}
	if address == "" {
		return nil, misconfigured("%s: which address? Give --url or set %s", name, strings.Join(s.addressVars, " or "))
	}
	login, err := s.login(o.Getenv)
	if err != nil {
		return nil, err
	}
	base, err := checkAddress(address, from, len(login.headers) > 0 && !o.PlainHTTP)
	if err != nil {
		return nil, err
	}
	c := newClient(name, base, login, o)
	return &Source{System: name, URL: c.base.String(), prompts: s.open(c)}, nil
}

func (s *system) openFile(o Options) (*Source, error) {
	if s.file == nil {
		return nil, misconfigured("%s has no export that can be read: leave --file out and import from its API", s.name)
	}
	if o.URL != "" {
		return nil, misconfigured("--url and --file exclude each other")
	}
	read, err := s.file(o.File)
	if err != nil {
		return nil, err
	}
	return &Source{System: s.name, prompts: read}, nil
}

// checkAddress reads an address. It holds no credentials: these would end up in
// files and process lists.
func checkAddress(address, from string, secret bool) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, misconfigured("%s is no address", from)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, misconfigured("%s: an address without user, password, query and fragment is expected; credentials come from the environment", from)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, misconfigured("%s %q: an address that begins with https:// or http:// is expected", from, address)
	case u.Scheme == "http" && secret && !isLoopback(u.Hostname()):
		return nil, misconfigured("%s %q: credentials would go over the network in clear text; use https://, or say --allow-plain-http", from, address)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u, nil
}

// key makes credentials of the first environment variable that is set.
func key(header, prefix string, variables ...string) func(func(string) string) (credentials, error) {
	return func(env func(string) string) (credentials, error) {
		for _, variable := range variables {
			if value := strings.TrimSpace(env(variable)); value != "" {
				return credentials{headers: map[string]string{header: prefix + value}, secrets: []string{value}}, nil
			}
		}
		return credentials{}, misconfigured("set %s to an API key", strings.Join(variables, " or "))
	}
}

// optional is for systems that may be open to everybody.
func optional(login func(func(string) string) (credentials, error)) func(func(string) string) (credentials, error) {
	return func(env func(string) string) (credentials, error) {
		if c, err := login(env); err == nil {
			return c, nil
		}
		return credentials{}, nil
	}
}
