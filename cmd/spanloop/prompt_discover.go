// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/discover"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/query"
	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/report"
)

// discoverFlags are the flags of `prompt discover`.
type discoverFlags struct {
	environment, author, as string
	minCalls, minValues     int
	write                   bool
}

func newPromptDiscoverCommand(a *app) *cobra.Command {
	f := &discoverFlags{}
	cmd := &cobra.Command{
		Use:   "discover [PROPOSAL]...",
		Short: "Propose prompts, with variables and versions, from calls that no registry explains",
		Long: `Looks at the production calls whose prompt is unresolved, or known by nothing but a
fingerprint, and that the registry does not recognise now: at their instructions, or
at the first user message of calls without any. Text that many calls share is static;
dates, times, emails, ids, numbers that change, names behind words that announce one, and
places with many different values are slots; few wordings with many calls each are
versions of one prompt. Texts that are like a registered prompt are versions of it. The
rules and thresholds are in docs/discover.md.

With --write the proposals, or the ones named by PROPOSAL (a proposed name or the
beginning of a fingerprint), become version files of the registry, so that collectors
resolve later calls to them. Run again, it proposes only what is new. Nothing is
released. Look at the files before you commit them: what spans hold is in them.

Exit codes: 0 done, proposals or none; 2 bad usage, or a proposal that the registry
refuses.`,
		Example: `  spanloop prompt discover --since 7d
  spanloop prompt discover --since 7d --write
  spanloop prompt discover support-kite-shop --as support --write
  spanloop prompt discover --min-calls 100 --format json | jq '.proposals[].name'`,
		Args:              cobra.ArbitraryArgs,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.discover(cmd.Context(), f, args) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.environment, "environment", "", "only calls of this `environment`")
	flags.IntVar(&f.minCalls, "min-calls", discover.DefaultMinCalls, "a version has at least so many `calls`")
	flags.IntVar(&f.minValues, "min-values", discover.DefaultMinValues, "words that vary are a slot from so many different `values` on; with fewer they make versions")
	flags.BoolVar(&f.write, "write", false, "add the proposals to the registry")
	flags.StringVar(&f.as, "as", "", "another `name` for the one proposal")
	flags.StringVar(&f.author, "author", "", "with --write, who adds them (default git's user.name, else the system's user)")
	_ = cmd.RegisterFlagCompletionFunc("environment", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return a.completeEnvironments(cmd.Context(), nil), cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// discovered is the result of `prompt discover`.
type discovered struct {
	// Calls are those that were looked at, Recognised further ones that the registry
	// knows by now, WithoutText and Redacted those that could not be looked at.
	Calls       int64                `json:"calls"`
	Proposed    int64                `json:"proposed"`
	Recognised  int64                `json:"recognised"`
	WithoutText int64                `json:"without_text"`
	Redacted    int64                `json:"redacted"`
	TooLong     int64                `json:"too_long"`
	Sampled     bool                 `json:"sampled"`
	MinCalls    int                  `json:"min_calls"`
	MinValues   int                  `json:"min_values"`
	Proposals   []discoveredProposal `json:"proposals"`
	Written     []versionInfo        `json:"written"`
}

// discoveredProposal is a proposed prompt.
type discoveredProposal struct {
	Name      string              `json:"name"`
	Existing  bool                `json:"existing"`
	Role      string              `json:"role"`
	Calls     int64               `json:"calls"`
	FirstSeen time.Time           `json:"first_seen"`
	LastSeen  time.Time           `json:"last_seen"`
	Versions  []discoveredVersion `json:"versions"`
	Notes     []string            `json:"notes"`
}

// discoveredVersion is a proposed version.
type discoveredVersion struct {
	Fingerprint string    `json:"fingerprint"`
	Calls       int64     `json:"calls"`
	FirstSeen   time.Time `json:"first_seen"`
	LastSeen    time.Time `json:"last_seen"`
	// TemplateFormat and Template are what is written; Text is the same for people.
	TemplateFormat string `json:"template_format"`
	Template       string `json:"template"`
	// UserTemplate is the first user message behind instructions, when it is one.
	UserTemplate string          `json:"user_template,omitempty"`
	Slots        []discover.Slot `json:"slots"`
	// Version is the name that it was written under.
	Version string `json:"version,omitempty"`

	text, userText string
}

func (a *app) discover(ctx context.Context, f *discoverFlags, args []string) error {
	if f.minCalls < 1 || f.minValues < 2 {
		return usage(errors.New("--min-calls must be at least 1, and --min-values at least 2"))
	}
	if err := registry.CheckName(f.as); f.as != "" && err != nil {
		return usage(fmt.Errorf("--as: %w", err))
	}
	snapshot := &registry.Snapshot{}
	if info, err := os.Stat(a.Registry); err == nil && info.IsDir() {
		if snapshot, err = a.loadRegistry(); err != nil {
			return err
		}
	}
	since, until, err := a.window()
	if err != nil {
		return err
	}
	db, err := query.Open(ctx, query.Options{Dataset: a.Dataset, Since: since, Until: until, MemoryLimit: a.Memory})
	if err != nil {
		return err
	}
	defer db.Close()
	d := &discovered{MinCalls: f.minCalls, MinValues: f.minValues, Proposals: []discoveredProposal{}, Written: []versionInfo{}}
	u := &unexplained{ctx: ctx, db: db.SQL(), snapshot: snapshot, environment: f.environment, into: d}
	found, err := discover.Find(u.each, discover.Options{MinCalls: f.minCalls, MinValues: f.minValues, Known: knownTexts(snapshot)})
	if err != nil {
		return err
	}
	if err := d.take(found, f, args); err != nil {
		return err
	}
	for i := range d.Proposals {
		d.Proposals[i].Existing = snapshot.Prompt(d.Proposals[i].Name) != nil
	}
	if f.write {
		if err := a.writeDiscovered(ctx, d, snapshot, f.author); err != nil {
			return err
		}
	}
	if a.Format == string(report.FormatJSON) {
		return report.WriteJSON(a.Out, "spanloop.prompt.discover/1", d)
	}
	a.noteDiscovered(d, f)
	return a.document(d.document())
}

// knownTexts are the texts of the registered versions.
func knownTexts(s *registry.Snapshot) []discover.Known {
	var out []discover.Known
	for _, p := range s.Prompts() {
		for _, v := range p.Versions {
			if len(v.Messages) > 0 && v.Messages[0].Placeholder == "" {
				role := discover.RoleUser
				if registry.IsSystem(v.Messages[0].Role) {
					role = discover.RoleSystem
				}
				out = append(out, discover.Known{Prompt: p.Name, Version: v.Version, Role: role, Text: v.Messages[0].Content})
			}
		}
	}
	return out
}

// unexplained reads the calls that nothing explains.
type unexplained struct {
	ctx         context.Context
	db          *query.Handle
	snapshot    *registry.Snapshot
	environment string
	into        *discovered
	again       bool
}

// maxHistory bounds the JSON of a history that is read, in bytes.
const maxHistory = 8 << 20

func (u *unexplained) each(yield func(discover.Call) error) error {
	counts := discovered{}
	rows, err := u.db.QueryContext(u.ctx, fmt.Sprintf(`SELECT CASE WHEN prompt_name IS DISTINCT FROM prompt_version THEN coalesce(prompt_name, '') ELSE '' END, start_time,
		CASE WHEN strlen(system_instructions) <= %[1]d THEN system_instructions END, CASE WHEN strlen(input_messages) <= %[1]d THEN input_messages END,
		coalesce(content_mode, 'full') = 'hashes', coalesce(redactions, 0) > 0
		FROM spans WHERE call_kind = 'inference' AND counted AND NOT is_replay AND ($1 = '' OR environment = $1)
		AND (prompt_resolution IS NULL OR prompt_resolution IN ('none', 'fingerprint'))`, maxHistory), u.environment)
	if err != nil {
		return fmt.Errorf("read calls: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c discover.Call
		var system, input sql.NullString
		var hashed, redacted bool
		if err := rows.Scan(&c.Prompt, &c.Start, &system, &input, &hashed, &redacted); err != nil {
			return fmt.Errorf("read calls: %w", err)
		}
		switch {
		case hashed:
			counts.WithoutText++
			continue
		case redacted:
			// The text that a collector compares has no such marks.
			counts.Redacted++
			continue
		}
		known := u.read(&c, system.String, input.String)
		switch {
		case known:
			counts.Recognised++
		case c.Text == "":
			counts.WithoutText++
		default:
			if err := yield(c); err != nil {
				return err
			}
		}
	}
	if !u.again {
		u.into.Recognised, u.into.WithoutText, u.into.Redacted = counts.Recognised, counts.WithoutText, counts.Redacted
		u.again = true
	}
	return rows.Err()
}

// read takes the text of a call; true when the registry knows it.
func (u *unexplained) read(c *discover.Call, system, input string) bool {
	parts, messages := genai.PartsFromJSON(system), genai.MessagesFromJSON(input)
	instructions := parts.Text()
	_, most := u.snapshot.MatchedMessages()
	list, err := messages.Head(max(most, 2))
	if err != nil {
		list = nil
	}
	texts := make([]registry.TextMessage, 0, len(list))
	for i := range list {
		texts = append(texts, registry.TextMessage{Role: list[i].Role, Content: list[i].Text()})
	}
	if m := u.snapshot.Match(instructions, texts); m.Found || m.Ambiguous {
		return true
	}
	c.Role, c.Text = discover.RoleSystem, instructions
	if next := firstOther(texts); next != nil && next.Role == discover.RoleUser {
		c.User = next.Content
	}
	if c.Text == "" && len(texts) > 0 {
		c.Text = texts[0].Content
		if !registry.IsSystem(texts[0].Role) {
			c.Role = discover.RoleUser
			if texts[0].Role != discover.RoleUser {
				c.Text = ""
			}
		}
	}
	return false
}

// firstOther is the message behind the instructions, of which the history may repeat
// one; nil for none.
func firstOther(texts []registry.TextMessage) *registry.TextMessage {
	at := 0
	if len(texts) > 0 && registry.IsSystem(texts[0].Role) {
		at = 1
	}
	if at == len(texts) {
		return nil
	}
	return &texts[at]
}

// take takes over the proposals, or those that were asked for.
func (d *discovered) take(found *discover.Result, f *discoverFlags, args []string) error {
	d.Calls, d.Proposed, d.TooLong, d.Sampled = found.Calls, found.Proposed, found.TooLong, found.Sampled
	var names []string
	met := map[string]bool{}
	for _, p := range found.Proposals {
		names = append(names, p.Name)
		if len(args) > 0 && !slices.ContainsFunc(args, func(arg string) bool {
			ok := p.Name == arg || slices.ContainsFunc(p.Versions, func(v discover.Version) bool {
				return len(arg) >= 4 && strings.HasPrefix(strings.TrimPrefix(v.Fingerprint, registry.HashPrefix), strings.TrimPrefix(arg, registry.HashPrefix))
			})
			met[arg] = met[arg] || ok
			return ok
		}) {
			continue
		}
		out := discoveredProposal{Name: p.Name, Existing: p.Existing, Role: p.Role, Calls: p.Calls, FirstSeen: p.First, LastSeen: p.Last, Notes: p.Notes}
		for _, v := range p.Versions {
			language, source, user, err := v.Sources()
			if err != nil {
				out.Notes = append(out.Notes, fmt.Sprintf("version %s is left out: %v", registry.ShortHash(v.Fingerprint), err))
				continue
			}
			out.Versions = append(out.Versions, discoveredVersion{
				Fingerprint: v.Fingerprint, Calls: v.Calls, FirstSeen: v.First, LastSeen: v.Last, TemplateFormat: language, Template: source, UserTemplate: user,
				Slots: slices.Concat(v.Slots, v.UserSlots), text: v.Pattern.Text(v.Slots), userText: v.User.Text(v.UserSlots),
			})
		}
		if len(out.Versions) > 0 {
			d.Proposals = append(d.Proposals, out)
		}
	}
	for _, arg := range args {
		if !met[arg] {
			return usage(fmt.Errorf("no proposal %q%s", arg, suggest(arg, names)))
		}
	}
	if f.as == "" {
		return nil
	}
	if len(d.Proposals) != 1 {
		return usage(fmt.Errorf("--as names one proposal, and there are %d: say which", len(d.Proposals)))
	}
	d.Proposals[0].Name = f.as
	return nil
}

// writeDiscovered adds the proposals to the registry. A version that is there is
// not added again.
func (a *app) writeDiscovered(ctx context.Context, d *discovered, snapshot *registry.Snapshot, author string) error {
	author = a.author(ctx, author)
	for i := range d.Proposals {
		p := &d.Proposals[i]
		for k := range p.Versions {
			v := &p.Versions[k]
			if held := holding(snapshot.Prompt(p.Name), v.TemplateFormat, v.messages(p.Role)); held != "" {
				v.Version = held
				continue
			}
			next := registry.NewVersion{
				Prompt: p.Name, Format: v.TemplateFormat, Author: author, Time: v.FirstSeen,
				Message: fmt.Sprintf("Discovered in %d calls from %s to %s.", v.Calls, moment(v.FirstSeen), moment(v.LastSeen)),
			}
			if messages := v.messages(p.Role); len(messages) == 1 && p.Role == discover.RoleSystem {
				next.Template = v.Template
			} else {
				next.Messages = messages
			}
			added, err := registry.AddVersion(a.Registry, next)
			if err != nil {
				return registryError(err)
			}
			v.Version = added.Version
			d.Written = append(d.Written, newVersionInfo(added))
		}
	}
	return nil
}

// messages are the version's messages.
func (v *discoveredVersion) messages(role string) []registry.TemplateMessage {
	out := []registry.TemplateMessage{{Role: role, Content: v.Template}}
	if v.UserTemplate != "" {
		out = append(out, registry.TemplateMessage{Role: discover.RoleUser, Content: v.UserTemplate})
	}
	return out
}

// holding is the version of a prompt that has the messages; "" for none.
func holding(p *registry.Prompt, language string, messages []registry.TemplateMessage) string {
	if p == nil {
		return ""
	}
	for _, v := range p.Versions {
		if v.Format == language && slices.EqualFunc(v.Messages, messages, func(x, y registry.TemplateMessage) bool {
			return x.Content == y.Content && (x.Role == y.Role || x.Role == "" && y.Role == discover.RoleSystem)
		}) {
			return v.Version
		}
	}
	return ""
}

func (a *app) noteDiscovered(d *discovered, f *discoverFlags) {
	for _, n := range []struct {
		calls int64
		text  string
	}{
		{d.Recognised, "%d calls are recognised by the registry now"}, {d.WithoutText, "%d calls have no text to look at"},
		{d.Redacted, "%d calls are left out, since their text was redacted"}, {d.TooLong, "%d calls are left out, since their text is too long"},
	} {
		if n.calls > 0 {
			a.note(n.text, n.calls)
		}
	}
	if d.Sampled {
		a.note("there are more different texts than are kept: slots were found on a sample, calls were counted on all")
	}
	if f.write {
		a.note("%d versions written to %s; `spanloop prompt check` reads them, `spanloop prompt release` serves them", len(d.Written), a.Registry)
	}
}

func (d *discovered) document() document {
	proposals := fmt.Sprintf("%d proposals", len(d.Proposals))
	if len(d.Proposals) == 1 {
		proposals = "1 proposal"
	}
	out := document{title: fmt.Sprintf("%s for %d of %d unresolved calls", proposals, d.Proposed, d.Calls)}
	out.csv = &report.Table{Columns: []report.Column{
		{Name: "prompt"}, {Name: "version"}, {Name: "role"}, {Name: "calls"}, {Name: "first_seen"}, {Name: "last_seen"}, {Name: "fingerprint"},
		{Name: "template_format"}, {Name: "template"}, {Name: "user_template"}, {Name: "slots"},
	}}
	for _, p := range d.Proposals {
		title := p.Name
		if p.Existing {
			title += " (exists already)"
		}
		head := part{title: title, lines: []report.Cell{report.Text(fmt.Sprintf("%d calls, %s text", p.Calls, p.Role))}}
		for _, note := range p.Notes {
			head.lines = append(head.lines, report.Cell{Text: note, Value: note, Style: report.Muted})
		}
		out.parts = append(out.parts, head)
		for i, v := range p.Versions {
			name := orDefault(v.Version, fmt.Sprintf("%d of %d", i+1, len(p.Versions)))
			version := part{title: fmt.Sprintf("version %s: %s, %d calls from %s to %s", name, registry.ShortHash(v.Fingerprint), v.Calls, moment(v.FirstSeen), moment(v.LastSeen))}
			for _, line := range sourceLines(v.text) {
				version.lines = append(version.lines, report.Text("  "+line.Text))
			}
			if v.UserTemplate != "" {
				version.lines = append(version.lines, report.Cell{Text: "user:", Value: "user:", Style: report.Muted})
				for _, line := range sourceLines(v.userText) {
					version.lines = append(version.lines, report.Text("  "+line.Text))
				}
			}
			var slots []string
			if len(v.Slots) > 0 {
				version.table = &report.Table{Columns: []report.Column{{Name: "slot"}, {Name: "type"}, {Name: "values", Align: report.Right}, {Name: "examples"}}}
			}
			for _, s := range v.Slots {
				slots = append(slots, s.Name+":"+s.Type)
				version.table.Rows = append(version.table.Rows, []report.Cell{
					report.Text(s.Name), report.Text(s.Type), report.Number(s.Values, "%d"), report.Text(strings.Join(s.Examples, " | ")),
				})
			}
			out.parts = append(out.parts, version)
			out.csv.Rows = append(out.csv.Rows, []report.Cell{
				report.Text(p.Name), report.Text(v.Version), report.Text(p.Role), report.Number(v.Calls, "%d"), timeCell(v.FirstSeen), timeCell(v.LastSeen),
				report.Text(v.Fingerprint), report.Text(v.TemplateFormat), report.Text(v.Template), report.Text(v.UserTemplate), report.Text(strings.Join(slots, " ")),
			})
		}
	}
	return out
}
