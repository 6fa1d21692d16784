// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"html/template"
	"io"
)

// Page is a self-contained HTML report: no script, nothing loaded.
type Page struct {
	Title string
	// Banner is the verdict, BannerStyle its colour.
	Banner      string
	BannerStyle Style
	Sections    []Section
}

// Section is one part of a page.
type Section struct {
	Title string
	Text  []string
	// Figure is an SVG that one of this package's functions made.
	Figure template.HTML
	Table  *Table
}

// Write prints the page.
func (p Page) Write(w io.Writer) error {
	if err := page.Execute(w, p); err != nil {
		return fmt.Errorf("print HTML: %w", err)
	}
	return nil
}

// classes are the styles' names in the page's style sheet.
var classes = map[Style]string{Good: "good", Bad: "bad", Muted: "muted", Strong: "strong"}

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"class": func(s Style) string { return classes[s] },
	"clean": EscapeTerminal,
	"right": func(columns []Column, i int) bool { return i < len(columns) && columns[i].Align == Right },
	"title": Column.title,
	// Names and ids stay whole; only what is longer may break within a word.
	"long": func(c Cell) bool { return Width(c.Text) > 40 },
}).Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{clean .Title}}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;margin:.5rem 0;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .7rem;border-bottom:1px solid #d8dee4;text-align:left;vertical-align:top}
td{white-space:pre-wrap;max-width:40rem}td.long{overflow-wrap:anywhere}
th{font-weight:600;color:#57606a}.r{text-align:right}
.good{color:#116329}.bad{color:#b42318;font-weight:600}.muted{color:#57606a}.strong{font-weight:600}
.banner{padding:.6rem 1rem;border-left:4px solid #8c959f;background:#f6f8fa}
.banner.good{border-color:#116329}.banner.bad{border-color:#b42318}
svg{max-width:100%;height:auto}svg text{font:12px system-ui,sans-serif}
</style></head><body>
<h1>{{clean .Title}}</h1>
{{if .Banner}}<p class="banner {{class .BannerStyle}}">{{clean .Banner}}</p>{{end}}
{{range .Sections}}{{if .Title}}<h2>{{clean .Title}}</h2>{{end}}
{{range .Text}}<p>{{clean .}}</p>{{end}}{{.Figure}}
{{with .Table}}{{$columns := .Columns}}<table><thead><tr>{{range $i, $c := .Columns}}<th scope="col"{{if right $columns $i}} class="r"{{end}}>{{clean (title $c)}}</th>{{end}}</tr></thead><tbody>
{{range .Rows}}<tr>{{range $i, $cell := .}}<td class="{{class $cell.Style}}{{if right $columns $i}} r{{end}}{{if long $cell}} long{{end}}">{{clean $cell.Text}}</td>{{end}}</tr>
{{end}}</tbody></table>
{{range .Notes}}<p class="muted">{{clean .}}</p>{{end}}{{end}}
{{end}}</body></html>
`))
