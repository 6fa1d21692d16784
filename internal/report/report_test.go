// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"html/template"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got))
}

// hostile is text that spans may hold.
const hostile = "\x1b[31mred\x1b[0m <script>alert(1)</script> \u202eevil \"quoted\"\nnext"

func sample() *Table {
	return &Table{
		Schema: "spanloop.sample/1", Title: "A sample",
		Columns: []Column{{Name: "name", Title: "Prompt"}, {Name: "n", Align: Right}, {Name: "note"}},
		Rows: [][]Cell{
			{Text("support"), Number(int64(12), "%d"), {Text: "better", Value: "better", Style: Good}},
			{Text("日本語"), Number(3.25, "%.1f"), {Text: "worse", Value: "worse", Style: Bad}},
			{Text(hostile), {}, Text("=1+2")},
			{Text(strings.Repeat("long ", 30)), Number(math.NaN(), "%.1f")},
		},
		Notes: []string{"a note " + hostile},
	}
}

func written(t *testing.T, table *Table, format Format, o Options) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, table.Write(&b, format, o))
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	golden(t, "table.txt", written(t, sample(), FormatTable, Options{}))
	golden(t, "color.txt", written(t, sample(), FormatTable, Options{Color: true}))
	golden(t, "fitted.txt", written(t, sample(), FormatTable, Options{Width: 50}))
	golden(t, "records.txt", written(t, sample(), FormatTable, Options{Width: 20}))
	golden(t, "table.csv", written(t, sample(), FormatCSV, Options{}))
	golden(t, "table.json", written(t, sample(), FormatJSON, Options{}))
	golden(t, "table.html", written(t, sample(), FormatHTML, Options{}))
}

func TestTablesFitTheTerminal(t *testing.T) {
	for width := 10; width < 120; width++ {
		for line := range strings.Lines(string(written(t, &Table{Columns: sample().Columns, Rows: sample().Rows}, FormatTable, Options{Width: width}))) {
			assert.LessOrEqual(t, Width(strings.TrimSuffix(line, "\n")), max(width, 26), "width %d: %q", width, line)
		}
	}
}

func TestNothingHostileIsPrinted(t *testing.T) {
	for _, format := range Formats {
		out := string(written(t, sample(), format, Options{Terminal: true}))
		assert.NotContains(t, out, "\x1b", format)
		assert.NotContains(t, out, "\u202e", format)
	}
	assert.NotContains(t, string(written(t, sample(), FormatHTML, Options{})), "<script")
	// A file keeps the text as it is.
	assert.Contains(t, string(written(t, sample(), FormatCSV, Options{})), "\x1b[31m")
}

func TestCSVReadsBack(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(written(t, sample(), FormatCSV, Options{}))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 5)
	assert.Equal(t, []string{"name", "n", "note"}, rows[0])
	assert.Equal(t, hostile, rows[3][0])
	assert.Equal(t, "'=1+2", rows[3][2])
}

func TestFormulaGuard(t *testing.T) {
	for in, want := range map[string]string{"": "", "text": "text", "=A1": "'=A1", "-5": "-5", "+1.5e3": "+1.5e3", "-x": "'-x", "@sum": "'@sum", "\tx": "'\tx", "-": "'-"} {
		assert.Equal(t, want, guardFormula(in), "%q", in)
	}
}

func TestJSONReadsBack(t *testing.T) {
	var document struct {
		Schema string
		Rows   []map[string]any
		Notes  []string
	}
	require.NoError(t, json.Unmarshal(written(t, sample(), FormatJSON, Options{}), &document))
	assert.Equal(t, "spanloop.sample/1", document.Schema)
	require.Len(t, document.Rows, 4)
	assert.Equal(t, hostile, document.Rows[2]["name"])
	assert.Nil(t, document.Rows[2]["n"])
	assert.Equal(t, "NaN", document.Rows[3]["n"])
	assert.Equal(t, []string{"a note " + hostile}, document.Notes)

	empty := written(t, &Table{Schema: "s/1", Columns: sample().Columns}, FormatJSON, Options{})
	require.NoError(t, json.Unmarshal(empty, &document))
	assert.Contains(t, string(empty), `"rows": []`)
}

func TestSameNamesAreNumbered(t *testing.T) {
	table := &Table{Schema: "s/1", Columns: []Column{{Name: "a"}, {Name: "a"}, {Name: "a_2"}}, Rows: [][]Cell{{Text("1"), Text("2"), Text("3")}}}
	assert.Contains(t, string(written(t, table, FormatJSON, Options{})), `{"a": "1", "a_2": "2", "a_2_2": "3"}`)
	assert.Equal(t, "a,a_2,a_2_2\n1,2,3\n", string(written(t, table, FormatCSV, Options{})))
}

func TestJSONColumnTypes(t *testing.T) {
	table := &Table{Schema: "s/1", Columns: []Column{{Name: "a", Type: "BIGINT"}}}
	assert.JSONEq(t, `{"schema": "s/1", "columns": [{"name": "a", "type": "BIGINT"}], "rows": []}`, string(written(t, table, FormatJSON, Options{})))
}

func TestValuesInCSVAndJSON(t *testing.T) {
	at := time.Date(2026, 11, 1, 12, 0, 0, 5000, time.UTC)
	table := &Table{Schema: "s/1", Columns: []Column{{Name: "a"}}}
	for _, value := range []any{at, []any{1.5, math.Inf(-1), "x"}, map[string]any{"k": math.NaN()}, true, int64(1 << 62), 1e21, nil} {
		table.Rows = append(table.Rows, []Cell{{Value: value}})
	}
	assert.Equal(t, "a\n2026-11-01T12:00:00.000005Z\n\"[1.5,\"\"-Infinity\"\",\"\"x\"\"]\"\n\"{\"\"k\"\":\"\"NaN\"\"}\"\ntrue\n4611686018427387904\n1e+21\n\"\"\n",
		string(written(t, table, FormatCSV, Options{})))
	assert.JSONEq(t, `{"schema": "s/1", "rows": [{"a": "2026-11-01T12:00:00.000005Z"}, {"a": [1.5, "-Infinity", "x"]}, {"a": {"k": "NaN"}},
		{"a": true}, {"a": 4611686018427387904}, {"a": 1e21}, {"a": null}]}`, string(written(t, table, FormatJSON, Options{})))
}

func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, WriteJSON(&b, "s/1", struct {
		B int    `json:"b"`
		A string `json:"a"`
	}{1, hostile + "\U000e0001"}))
	assert.True(t, strings.HasPrefix(b.String(), "{\n  \"schema\": \"s/1\",\n  \"b\": 1,\n"), b.String())
	assert.NotContains(t, b.String(), "\u202e")
	var back map[string]any
	require.NoError(t, json.Unmarshal(b.Bytes(), &back))
	assert.Equal(t, hostile+"\U000e0001", back["a"])
	b.Reset()
	require.NoError(t, WriteJSON(&b, "s/1", struct{}{}))
	assert.JSONEq(t, `{"schema": "s/1"}`, b.String())
	require.Error(t, WriteJSON(&b, "s/1", []int{1}))
	require.Error(t, WriteJSON(&b, "s/1", nil))
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteErrorsAreReturned(t *testing.T) {
	for _, format := range Formats {
		require.Error(t, sample().Write(failing{}, format, Options{}), format)
	}
	require.Error(t, WriteJSON(failing{}, "s/1", struct{}{}))
}

func figures() map[string]template.HTML {
	return map[string]template.HTML{
		"forest.svg": ForestPlot([]Interval{
			{Label: "latency", Low: -3, Estimate: -2, High: -1, Text: "better", Style: Good},
			{Label: hostile, Low: 0.5, Estimate: 40, High: math.Inf(1), Text: hostile, Style: Bad},
			{Label: "unknown", Low: math.NaN(), Estimate: math.NaN(), High: math.NaN()},
		}),
		"series.svg": TimeSeries(hostile, "2026-11-01", "2026-11-30",
			[]Point{{0, 0.9}, {0.5, math.NaN()}, {0.6, 0.8}, {1, 0.2}}, []Mark{{X: 0.7, Low: 0.6, High: 0.75, Text: "gpt-4.1 → gpt-4.2 <b>"}}),
		"constant.svg": TimeSeries("constant", "", "", []Point{{0, 5}, {1, 5}}, nil),
		"lanes.svg":    Lanes("identity", []Lane{{Label: hostile, From: 0, To: 0.6, Style: Strong}, {Label: "later", From: 0.6, To: 1}, {Label: "unplaced", From: math.NaN(), To: math.NaN()}}),
		"bars.svg":     Bars("calls", []Bar{{Label: "explicit", Value: 90, Text: "90 %"}, {Label: hostile, Value: 1, Style: Bad}, {Label: "none", Value: math.Inf(1)}}),
	}
}

func TestFigures(t *testing.T) {
	for name, figure := range figures() {
		golden(t, name, []byte(figure+"\n"))
		wellFormed(t, name, string(figure))
	}
	for _, figure := range []template.HTML{ForestPlot(nil), TimeSeries("", "", "", nil, nil), Lanes("", nil), Bars("", nil)} {
		wellFormed(t, "empty", string(figure))
	}
}

func wellFormed(t *testing.T, name, text string) {
	t.Helper()
	assert.NotContains(t, text, "NaN", name)
	assert.NotContains(t, text, "Inf", name)
	for decoder := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err, name)
		if element, ok := token.(xml.StartElement); ok {
			assert.Contains(t, []string{"svg", "line", "rect", "circle", "text", "path"}, element.Name.Local, name)
		}
	}
}

func TestPage(t *testing.T) {
	page := Page{Title: "Report of " + hostile, Banner: "worse", BannerStyle: Bad, Sections: []Section{
		{Title: "Effects", Text: []string{hostile}, Figure: figures()["forest.svg"], Table: sample()},
	}}
	var b bytes.Buffer
	require.NoError(t, page.Write(&b))
	golden(t, "page.html", b.Bytes())
	assert.NotContains(t, b.String(), "<script")
	assert.NotContains(t, b.String(), "\u202e")
	assert.Contains(t, b.String(), "default-src 'none'")
}

func BenchmarkTable(b *testing.B) {
	table := sample()
	for range 10 {
		table.Rows = append(table.Rows, table.Rows...)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := table.Write(io.Discard, FormatTable, Options{Width: 100}); err != nil {
			b.Fatal(err)
		}
	}
}
