// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spanloop/spanloop/examples/agent/support"
	"github.com/spanloop/spanloop/internal/registry"
)

// Driver runs sessions against a provider.
type Driver struct {
	Config
	Agent    *support.Agent
	Registry *registry.Snapshot
	// Concurrency is how many sessions run at the same time.
	Concurrency int
	// SwitchModel is called when the calendar reaches SwitchDay, between two
	// sessions; nil when the provider's model is left alone.
	SwitchModel func(context.Context) error
	// Progress is told what happens; it may be nil.
	Progress func(format string, args ...any)
}

// Result is what a run came to.
type Result struct {
	// ByNaming and ByVersion count sessions.
	ByNaming, ByVersion              map[string]int64
	Questions, ModelCalls, ToolCalls int64
	// Errors counts failed model calls by error.type.
	Errors map[string]int64
	// First and Last are the simulated times of the first and last session.
	First, Last time.Time
}

// Run makes all sessions. It stops at the first provider that is not there, and
// when ctx ends.
//
// The sessions before the model switch run first, then the model is switched,
// then the others run. Within either group the order is shuffled: how busy this
// machine is at one moment must not look like what happened on one simulated day.
func (d *Driver) Run(ctx context.Context) (Result, error) {
	plan, err := Plan(d.Config, d.Registry)
	if err != nil {
		return Result{}, err
	}
	prepared, err := d.prepare()
	if err != nil {
		return Result{}, err
	}
	result := Result{
		ByNaming: map[string]int64{}, ByVersion: map[string]int64{}, Errors: map[string]int64{},
		First: plan[0].Start, Last: plan[len(plan)-1].Start,
	}
	groups := [][]Session{plan}
	if d.SwitchModel != nil && !d.Steady {
		groups = split(plan, d.day(SwitchDay))
	}
	for i, group := range groups {
		if i > 0 {
			d.progress("day %d: the provider answers from another model", SwitchDay)
			if err := d.SwitchModel(ctx); err != nil {
				return result, fmt.Errorf("switch the provider's model: %w", err)
			}
		}
		if err := d.group(ctx, group, prepared, &result); err != nil {
			return result, err
		}
		if len(group) > 0 {
			d.progress("%d sessions of %s to %s", len(group), group[0].Start.Format(time.DateOnly), group[len(group)-1].Start.Format(time.DateOnly))
		}
	}
	return result, nil
}

func (d *Driver) progress(format string, args ...any) {
	if d.Progress != nil {
		d.Progress(format, args...)
	}
}

func split(plan []Session, at time.Time) [][]Session {
	for i := range plan {
		if !plan[i].Start.Before(at) {
			return [][]Session{plan[:i], plan[i:]}
		}
	}
	return [][]Session{plan}
}

// tools are the definitions before and after the incident.
type tools struct{ narrow, broad []support.Tool }

func (d *Driver) prepare() (tools, error) {
	narrow, err := support.LoadTools(d.Registry, false)
	if err != nil {
		return tools{}, err
	}
	broad, err := support.LoadTools(d.Registry, true)
	return tools{narrow, broad}, err
}

// group runs sessions, Concurrency at a time, in shuffled order.
func (d *Driver) group(ctx context.Context, sessions []Session, defs tools, result *Result) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	order := rand.New(rand.NewPCG(d.Seed, uint64(len(sessions)))).Perm(len(sessions))
	var next atomic.Int64
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range max(1, d.Concurrency) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(order) {
					return
				}
				session := &sessions[order[i]]
				done, err := d.session(ctx, session, defs)
				mu.Lock()
				result.add(session, done)
				mu.Unlock()
				if err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// outcome is what one session came to.
type outcome struct {
	questions, models, tools int64
	failed                   string
}

func (r *Result) add(s *Session, o outcome) {
	r.ByNaming[string(s.Naming)]++
	r.ByVersion[s.Version]++
	r.Questions += o.questions
	r.ModelCalls += o.models
	r.ToolCalls += o.tools
	if o.failed != "" {
		r.Errors[o.failed]++
	}
}

// session lets one customer talk to the agent. Only an error that will meet
// every other session as well is returned.
func (d *Driver) session(ctx context.Context, s *Session, defs tools) (outcome, error) {
	prompt, err := support.RenderPrompt(d.Registry, s.Version, s.Naming, s.Variables())
	if err != nil {
		return outcome{}, err
	}
	offered := defs.narrow
	if s.Broad {
		offered = defs.broad
	}
	ctx = support.WithIDs(ctx, rand.New(rand.NewPCG(s.Seed, 1)))
	conversation := d.Agent.Start(s.ID, support.NewClock(s.Start), prompt, offered)
	var out outcome
	for i, question := range s.Questions {
		if i > 0 {
			conversation.Skip(s.Think[i-1])
		}
		out.questions++
		if _, err = conversation.Ask(ctx, question); err != nil {
			break
		}
	}
	if err == nil && s.Note {
		conversation.Skip(time.Minute)
		_, err = conversation.Note(ctx)
	}
	models, toolCalls := conversation.Calls()
	out.models, out.tools = int64(models), int64(toolCalls)
	var failed *support.ProviderError
	if !errors.As(err, &failed) {
		return out, err
	}
	out.failed = failed.Type
	if failed.Type == support.Unreachable {
		return out, err
	}
	return out, nil
}
