// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genairegistryextension

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"
)

const (
	defaultEndpoint = "localhost:4319"
	// defaultMaxRequestBodySize bounds the variables of a rendering.
	defaultMaxRequestBodySize = 1 << 20
	defaultReadTimeout        = 30 * time.Second
)

// FetchAPIConfig configures the fetch API: the collector's HTTP server settings
// (endpoint, tls, auth, cors, max_request_body_size, timeouts) and a rate limit.
type FetchAPIConfig struct {
	Server    confighttp.ServerConfig `mapstructure:",squash"`
	RateLimit RateLimitConfig         `mapstructure:"rate_limit"`
}

// RateLimitConfig bounds the requests of all clients together. What is over it
// is answered with 429 before it is authenticated.
type RateLimitConfig struct {
	// RequestsPerSecond is the lasting rate; 0 is no limit.
	RequestsPerSecond float64 `mapstructure:"requests_per_second"`
	// Burst is how many requests may come at once; 0 stands for as many as come
	// in a second.
	Burst int `mapstructure:"burst"`
}

var (
	_ confmap.Unmarshaler = (*FetchAPIConfig)(nil)
	_ confmap.Unmarshaler = (*RateLimitConfig)(nil)
)

func defaultFetchAPIConfig() FetchAPIConfig {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = defaultEndpoint
	server.MaxRequestBodySize = defaultMaxRequestBodySize
	server.ReadTimeout = defaultReadTimeout
	return FetchAPIConfig{Server: server}
}

// Unmarshal refuses keys that there are not: the server's settings, which share
// the level, would ignore them.
func (c *FetchAPIConfig) Unmarshal(conf *confmap.Conf) error {
	if err := checkKeys(conf, "fetch_api", reflect.TypeFor[FetchAPIConfig]()); err != nil {
		return err
	}
	return conf.Unmarshal(c)
}

// Unmarshal refuses keys that there are not.
func (c *RateLimitConfig) Unmarshal(conf *confmap.Conf) error {
	if err := checkKeys(conf, "fetch_api::rate_limit", reflect.TypeFor[RateLimitConfig]()); err != nil {
		return err
	}
	return conf.Unmarshal(c)
}

func checkKeys(conf *confmap.Conf, path string, t reflect.Type) error {
	known := keysOf(t)
	for key := range conf.ToStringMap() {
		if !slices.Contains(known, key) {
			return fmt.Errorf("%s::%s: no such key; there are %s", path, key, strings.Join(known, ", "))
		}
	}
	return nil
}

// keysOf are the configuration keys of a struct, squashed ones included, sorted.
func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		tag, ok := t.Field(i).Tag.Lookup("mapstructure")
		if !ok {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if options == "squash" {
			keys = append(keys, keysOf(t.Field(i).Type)...)
		} else {
			keys = append(keys, name)
		}
	}
	slices.Sort(keys)
	return keys
}

// Validate implements the collector's check of configurations.
func (c *FetchAPIConfig) Validate() error {
	if c.Server.NetAddr.Endpoint == "" {
		return errors.New("endpoint: empty; give host:port, or take fetch_api out")
	}
	if c.Server.MaxRequestBodySize < 0 {
		return errors.New("max_request_body_size: below 0")
	}
	if !(c.RateLimit.RequestsPerSecond >= 0) {
		return errors.New("rate_limit::requests_per_second: below 0")
	}
	if c.RateLimit.Burst < 0 {
		return errors.New("rate_limit::burst: below 0")
	}
	if c.RateLimit.Burst > 0 && c.RateLimit.RequestsPerSecond == 0 {
		return errors.New("rate_limit::burst: nothing without requests_per_second")
	}
	return nil
}

// exposed says what others than this machine could do, or read on the way.
func (c *FetchAPIConfig) exposed() string {
	host, _, err := net.SplitHostPort(c.Server.NetAddr.Endpoint)
	if err != nil || host == "localhost" || net.ParseIP(host).IsLoopback() {
		return ""
	}
	switch {
	case !c.Server.Auth.HasValue():
		return "whoever reaches the endpoint can read all prompts: set auth, or an endpoint on localhost"
	case !c.Server.TLS.HasValue():
		return "prompts and credentials go over the network in the clear: set tls, or an endpoint on localhost behind a proxy that has it"
	}
	return ""
}
