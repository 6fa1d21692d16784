// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e && clients

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/registry"
)

// Unmodified client libraries, each in an ordinary application that says nothing of
// prompt versions: an agent asks for a tool and answers, with whole answers and again
// with streamed ones. Of each of those four calls the dataset says what happened.
func TestClients(t *testing.T) {
	c, f := fetchCollector(t, clientRegistry(t))
	_, problems := registry.Load(c.registry)
	require.Empty(t, problems)
	provider := newClientProvider(t)
	rows := chosenClients(t)
	for i := range rows {
		rows[i].copyScripts(t)
	}
	versions := make([]string, len(rows))
	began := time.Now()
	var wait sync.WaitGroup
	slots := make(chan struct{}, 2)
	for i := range rows {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			versions[i] = rows[i].run(t, c, f, provider)
		})
	}
	wait.Wait()
	took := time.Since(began)
	c.stop(t)
	calls, dialects := clientCalls(t, c), clientDialects(t, c)
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "library\tversion\tinterface\tdialects\tcalls\tprompt\trung\ttools\tmodel\tnot on the spans")
	for i := range rows {
		t.Run(rows[i].id(), func(t *testing.T) {
			found := calls[rows[i].id()]
			rows[i].check(t, found, dialects[rows[i].id()])
			fmt.Fprintln(w, rows[i].line(versions[i], found, dialects[rows[i].id()]))
		})
	}
	require.NoError(t, w.Flush())
	t.Logf("%d clients in %.0f s\n%s", len(rows), took.Seconds(), table.String())
}

// chosenClients are the rows of the sets of packages in SPANLOOP_CLIENTS, without it
// all. A name without rows fails: it would test nothing.
func chosenClients(t *testing.T) []clientRow {
	t.Helper()
	rows := clientRows()
	names, given := os.LookupEnv("SPANLOOP_CLIENTS")
	if !given {
		return rows
	}
	require.NotEmpty(t, strings.Fields(names), "SPANLOOP_CLIENTS names no set of packages")
	for _, name := range strings.Fields(names) {
		require.True(t, slices.ContainsFunc(rows, func(r clientRow) bool { return r.env == name }), "no library in the set %q", name)
	}
	return slices.DeleteFunc(rows, func(r clientRow) bool { return !slices.Contains(strings.Fields(names), r.env) })
}

// clientRow is one library with one interface of a provider.
type clientRow struct {
	library string
	// api is chat, responses or messages.
	api string
	// note tells rows of one library and interface apart.
	note string
	// env is the folder of packages below build/clients.
	env    string
	script string
	args   []string
	set    []string
	// dialects are those that the calls' spans speak, the library's own first.
	dialects string
	// but are facts that the library's spans do not hold, or hold otherwise.
	but map[string]otherwise
}

// otherwise is what stands in a column instead, on every call or on each of the four,
// and why.
type otherwise struct {
	want any
	why  string
}

func (r *clientRow) id() string { return strings.TrimSpace(r.library + " " + r.api + " " + r.note) }

// run runs the application and returns the library's version.
func (r *clientRow) run(t *testing.T, c *collector, f *front, provider *clientProvider) string {
	dir := r.packages(t)
	program, script := filepath.Join(dir, "bin", "python"), absolute(t, filepath.Join("clients", r.script))
	if strings.HasSuffix(r.script, ".mjs") {
		program, script = "node", filepath.Join(dir, r.script)
	}
	cmd := exec.CommandContext(t.Context(), program, append([]string{script, r.api}, r.args...)...)
	cmd.Env = append(os.Environ(),
		"OTEL_SERVICE_NAME="+r.id(), fmt.Sprintf("OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:%d", c.httpPort),
		"OPENAI_API_KEY=sk-none", "OPENAI_BASE_URL="+provider.URL+"/v1",
		"ANTHROPIC_API_KEY=sk-none", "ANTHROPIC_BASE_URL="+provider.URL,
		"LANGFUSE_BASE_URL="+f.URL, "LANGFUSE_PUBLIC_KEY=pk-spanloop", "LANGFUSE_SECRET_KEY=sk-secret",
		"PYTHONDONTWRITEBYTECODE=1")
	cmd.Env = append(cmd.Env, r.set...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if !assert.NoError(t, err, "%s: %s", r.id(), errs.String()) {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	assert.Equal(t, []string{clientFinal, clientFinal}, lines[max(0, len(lines)-2):], r.id())
	return lines[0]
}

// copyScripts puts a row's scripts beside its packages: Node looks for them from the
// script's folder upwards.
func (r *clientRow) copyScripts(t *testing.T) {
	t.Helper()
	if !strings.HasSuffix(r.script, ".mjs") {
		return
	}
	for _, name := range []string{r.script, "shop.mjs", "shop.json"} {
		content, err := os.ReadFile(filepath.Join("clients", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(r.packages(t), name), content, 0o600))
	}
}

// packages is the folder of the row's library.
func (r *clientRow) packages(t *testing.T) string {
	return filepath.Join(absolute(t, repository), "build", "clients", r.env)
}

// clientCall is a row of the dataset, a counted call.
type clientCall = map[string]any

// clientCalls are the counted calls of each row, in order.
func clientCalls(t *testing.T, c *collector) map[string][]clientCall {
	t.Helper()
	calls := map[string][]clientCall{}
	for _, call := range c.query(t, `SELECT service_name, prompt_name, prompt_version, prompt_resolution, prompt_unresolved_reason, prompt_variables,
		tool_versions, toolset_completeness, provider, request_model, response_model, input_tokens, output_tokens, cache_read_tokens,
		list_transform(tool_calls, x -> x.name || replace(x.arguments, ' ', '')) AS asked, output_messages LIKE '%`+clientFinal+`%' AS answered,
		attributes['spanloop.problems'] AS problems
		FROM spans WHERE counted ORDER BY start_unix_nano`) {
		name := call["service_name"].(string)
		delete(call, "service_name")
		calls[name] = append(calls[name], call)
	}
	return calls
}

// clientDialects are the dialects that the calls of each row speak.
func clientDialects(t *testing.T, c *collector) map[string]string {
	t.Helper()
	out, stderr, code := c.spanloop(t, "dataset", "export")
	require.Zero(t, code, stderr)
	found := map[string]map[string]bool{}
	for line := range strings.Lines(out) {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(line))
		require.NoError(t, err)
		for _, resource := range td.ResourceSpans().All() {
			service, _ := resource.Resource().Attributes().Get("service.name")
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					if _, duplicate := span.Attributes().Get(genai.AttrDuplicateOf); duplicate {
						continue
					}
					// What the collector added is no word of the sender's.
					span.Attributes().RemoveIf(func(key string, _ pcommon.Value) bool {
						return strings.HasPrefix(key, "spanloop.") || strings.HasPrefix(key, "gen_ai.prompt.")
					})
					if call, ok := genai.Read(span, scope.Scope(), resource.Resource()); ok && call.Counted {
						if found[service.Str()] == nil {
							found[service.Str()] = map[string]bool{}
						}
						for _, dialect := range call.Dialects {
							found[service.Str()][dialect] = true
						}
					}
				}
			}
		}
	}
	dialects := map[string]string{}
	for service, set := range found {
		dialects[service] = strings.Join(slices.Sorted(maps.Keys(set)), ", ")
	}
	return dialects
}

// expected is what the dataset says of a call when its span holds everything.
func expected(api string, final bool) clientCall {
	tokens := clientTokens[final]
	asked := []any{`lookup_order{"order_id":"A-12345"}`}
	if final {
		asked = []any{}
	}
	provider := "openai"
	if api == "messages" {
		provider = "anthropic"
	}
	return clientCall{
		"prompt_name": "support/order", "prompt_version": "v2", "prompt_resolution": "template", "prompt_unresolved_reason": nil,
		"prompt_variables": map[string]any{"customer": "Ada Lovelace", "company": "Fernhill Outfitters", "today": "Tuesday"},
		"tool_versions":    []any{"lookup_order@v2", "refund_order@v1"}, "toolset_completeness": "full",
		"provider": provider, "request_model": clientAsked, "response_model": clientAnswered,
		"input_tokens": tokenCount(tokens.input), "output_tokens": tokenCount(tokens.output), "cache_read_tokens": tokenCount(tokens.cached),
		"asked": asked, "answered": final, "problems": nil,
	}
}

func tokenCount(n int) json.Number { return json.Number(strconv.Itoa(n)) }

// check compares the four calls with what they should say.
func (r *clientRow) check(t *testing.T, calls []clientCall, dialects string) {
	t.Helper()
	assert.Equal(t, r.dialects, dialects, "dialects")
	if len(calls) != 4 {
		t.Errorf("%d calls count, not 4: %v", len(calls), calls)
		return
	}
	for i, call := range calls {
		for column, want := range expected(r.api, i%2 == 1) {
			if other, ok := r.but[column]; ok {
				want = other.want
				if each, ok := want.([4]any); ok {
					want = each[i]
				}
			}
			if !assert.ObjectsAreEqual(want, call[column]) {
				t.Errorf("call %d: %s is %v, not %v", i, column, call[column], want)
			}
		}
	}
}

// line is the row's line of the table.
func (r *clientRow) line(version string, calls []clientCall, dialects string) string {
	distinct := func(column string) string {
		var values []string
		for _, call := range calls {
			value := fmt.Sprint(call[column])
			if call[column] == nil {
				value = "-"
			}
			if !slices.Contains(values, value) {
				values = append(values, value)
			}
		}
		return strings.Join(values, ", ")
	}
	var without []string
	for _, column := range slices.Sorted(maps.Keys(r.but)) {
		if why := r.but[column].why; why != "" {
			without = append(without, why)
		}
	}
	return strings.Join([]string{
		strings.TrimSpace(r.library + " " + r.note), version, r.api, dialects, fmt.Sprint(len(calls)), distinct("prompt_version"), distinct("prompt_resolution"),
		strings.Trim(distinct("tool_versions"), "[]"), distinct("response_model"), strings.Join(without, "; "),
	}, "\t")
}

// clientRegistry holds the prompt and the tools of the applications among versions
// that differ in little.
func clientRegistry(t *testing.T) map[string]string {
	t.Helper()
	content, err := os.ReadFile("clients/shop.json")
	require.NoError(t, err)
	var shop struct {
		System string   `json:"system"`
		Tools  []fields `json:"tools"`
	}
	require.NoError(t, json.Unmarshal(content, &shop))
	files := map[string]string{}
	put := func(path, key string, value any) {
		encoded, err := json.Marshal(value)
		require.NoError(t, err)
		files[path] = fmt.Sprintf("time: 2026-01-01\n%s: %s\n", key, encoded)
	}
	for version, text := range map[string]string{
		"order/versions/v1":   strings.ReplaceAll(shop.System, " Answer in one sentence.", ""),
		"order/versions/v2":   shop.System,
		"order/versions/v3":   strings.ReplaceAll(shop.System, "one sentence", "two sentences"),
		"order/versions/v4":   strings.ReplaceAll(shop.System, "{{today}}. ", "{{today}}, "),
		"returns/versions/v1": strings.ReplaceAll(shop.System, "an order", "a return"),
	} {
		put("prompts/support/"+version+".yaml", "template", text)
	}
	lookup, refund := shop.Tools[0], shop.Tools[1]
	put("tools/lookup_order/v2.yaml", "definition", lookup)
	put("tools/refund_order/v1.yaml", "definition", refund)
	lookup["description"] = "Returns an order."
	put("tools/lookup_order/v1.yaml", "definition", lookup)
	refund["parameters"].(fields)["required"] = []any{"order_id"}
	put("tools/refund_order/v2.yaml", "definition", refund)
	return files
}
