// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genairegistryextension

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/spanloop/spanloop/internal/fetchapi"
)

// fetchServer is a running fetch API.
type fetchServer struct {
	server *http.Server
	done   chan struct{}
}

// serve starts the fetch API. A server that ends by itself is reported to the host.
func (e *registryExtension) serve(ctx context.Context, host component.Host, config *FetchAPIConfig) (*fetchServer, error) {
	refuse := func(w http.ResponseWriter, _ *http.Request, message string, status int) {
		fetchapi.Refuse(w, status, message)
	}
	server, err := config.Server.ToServer(ctx, host.GetExtensions(), e.settings.TelemetrySettings, fetchapi.New(e.Snapshot), confighttp.WithErrorHandler(refuse))
	if err != nil {
		return nil, fmt.Errorf("fetch_api: %w", err)
	}
	server.Handler = config.RateLimit.limit(server.Handler)
	listener, err := config.Server.ToListener(ctx)
	if err != nil {
		return nil, fmt.Errorf("fetch_api::endpoint: %w", err)
	}
	if reason := config.exposed(); reason != "" {
		e.settings.Logger.Warn("fetch API: "+reason, zap.String("endpoint", config.Server.NetAddr.Endpoint))
	}
	e.settings.Logger.Info("fetch API: serving prompts", zap.Stringer("endpoint", listener.Addr()))
	s := &fetchServer{server: server, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(fmt.Errorf("fetch_api: %w", err)))
		}
	}()
	return s, nil
}

// drainTime is how long requests that run may take to end at a shutdown. Go waits
// five seconds for connections that nothing came over yet.
const drainTime = 10 * time.Second

// close lets the requests that run end, and cuts off those that take too long.
func (s *fetchServer) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.server.Close()
	}
	<-s.done
	return err
}

// limit answers what is over the rate before anything else looks at it.
func (c RateLimitConfig) limit(next http.Handler) http.Handler {
	if c.RequestsPerSecond == 0 {
		return next
	}
	burst := c.Burst
	if burst == 0 {
		burst = int(math.Ceil(math.Min(c.RequestsPerSecond, math.MaxInt32)))
	}
	limiter := rate.NewLimiter(rate.Limit(c.RequestsPerSecond), burst)
	wait := strconv.Itoa(max(1, int(math.Ceil(math.Min(1/c.RequestsPerSecond, 3600)))))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !limiter.Allow() {
			w.Header().Set("Retry-After", wait)
			fetchapi.Refuse(w, http.StatusTooManyRequests, "more requests than rate_limit allows; try again later, and keep what you fetched for a minute")
			return
		}
		next.ServeHTTP(w, r)
	})
}
