// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// ErrExport is returned when a backend did not take the spans.
var ErrExport = errors.New("export of the replay's spans")

const (
	exportTimeout = 30 * time.Second
	maxExportBody = 1 << 20
)

// ExportOTLP posts spans to an OTLP/HTTP endpoint, such as
// http://localhost:4318. Headers are sent besides.
func ExportOTLP(ctx context.Context, endpoint string, headers http.Header, traces ptrace.Traces) error {
	base, err := url.Parse(endpoint)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return fmt.Errorf("%w: an OTLP/HTTP URL is expected as endpoint, like http://localhost:4318", ErrExport)
	}
	if !strings.HasSuffix(base.Path, "/v1/traces") {
		base.Path = strings.TrimRight(base.Path, "/") + "/v1/traces"
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrExport, err)
	}
	ctx, cancel := context.WithTimeout(ctx, exportTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrExport, err)
	}
	for name, values := range headers {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	answer, err := client.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			// Its text holds the whole URL.
			err = wrapped.Err
		}
		return fmt.Errorf("%w to %s: %w", ErrExport, Redacted(base.String()), err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxExportBody))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrExport, err)
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%w: %s answered HTTP %d", ErrExport, Redacted(base.String()), answer.StatusCode)
	}
	accepted := ptraceotlp.NewExportResponse()
	if err := accepted.UnmarshalProto(text); err == nil && accepted.PartialSuccess().RejectedSpans() > 0 {
		return fmt.Errorf("%w: %d spans were rejected: %s", ErrExport, accepted.PartialSuccess().RejectedSpans(), accepted.PartialSuccess().ErrorMessage())
	}
	return nil
}

// Redacted is an endpoint without the secrets that its URL may hold.
func Redacted(endpoint string) string {
	base, err := url.Parse(endpoint)
	if err != nil {
		return "the endpoint"
	}
	base.RawQuery = ""
	return base.Redacted()
}

// ParseHeaders reads headers as OTEL_EXPORTER_OTLP_HEADERS holds them:
// name=value pairs, separated by commas, values percent-encoded.
func ParseHeaders(text string) http.Header {
	headers := http.Header{}
	for _, pair := range strings.Split(text, ",") {
		name, value, found := strings.Cut(pair, "=")
		if name = strings.TrimSpace(name); !found || name == "" {
			continue
		}
		if decoded, err := url.PathUnescape(strings.TrimSpace(value)); err == nil {
			headers.Add(name, decoded)
		}
	}
	return headers
}
