// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/wire"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// Arms of a replay.
const (
	ArmControl   = "control"
	ArmTreatment = "treatment"
)

// Errors of running a plan.
var (
	// ErrBudget is returned when a plan needs more calls than are allowed.
	ErrBudget = errors.New("budget")
	// ErrProvider is returned when no call of an arm was answered.
	ErrProvider = errors.New("provider")
	// ErrNotSent marks the runs that were left out after others had failed.
	ErrNotSent = errors.New("not sent")
)

// Sender sends a request; *wire.Client is one.
type Sender interface {
	Send(ctx context.Context, body []byte) (*wire.Response, error)
}

// RunOptions say how a plan is run.
type RunOptions struct {
	// Runs is how often each arm is run.
	Runs int
	// Concurrency bounds the requests under way.
	Concurrency int
	// MaxCalls bounds the requests of both arms together; 0 for no bound.
	MaxCalls int
	// Stream asks for streamed answers.
	Stream bool
	Sender Sender
	// Evaluators score the answers.
	Evaluators []*evaluator.Evaluator
	// Progress is called after each run; nil for none.
	Progress func(done, total int)
}

// Run is one answer of one arm.
type Run struct {
	Arm        string
	N          int
	Start, End time.Time
	Response   *wire.Response
	// Err is set when there was no answer, or it states an error.
	Err error
	// Call is request and answer as they stand on the replay's span.
	Call   *genai.Call
	Scores []evaluator.Score
	// Divergence is the first difference from the recorded answer.
	Divergence Divergence
}

// Arms returns the requests of a plan by arm, the control arm first.
func (p *Plan) arms() []string {
	if p.Treatment == nil {
		return []string{ArmControl}
	}
	return []string{ArmControl, ArmTreatment}
}

// Body is an arm's request.
func (p *Plan) Body(arm string) *jsondoc.Value {
	if arm == ArmTreatment {
		return p.Treatment
	}
	return p.Control
}

// Calls is how many requests a plan sends.
func (p *Plan) Calls(runs int) int { return runs * len(p.arms()) }

// schedule interleaves the arms, each pair in the opposite order of the one
// before, so that what changes over time meets both alike.
func (p *Plan) schedule(runs int) []Run {
	var list []Run
	arms := p.arms()
	for n := range runs {
		for i := range arms {
			list = append(list, Run{Arm: arms[(i+n)%len(arms)], N: n})
		}
	}
	return list
}

// failuresInARow is how many requests of an arm may go unanswered one after the
// other before the rest is not sent.
const failuresInARow = 3

// Execute runs the arms of a plan. Runs that got no answer have Err set; those
// that were not sent have no Start either. Without runs the error says why the
// plan was not run; with runs it says that an arm got no answer, or that the
// rest was not sent.
func (p *Plan) Execute(ctx context.Context, o RunOptions) ([]Run, error) {
	if o.MaxCalls > 0 && p.Calls(o.Runs) > o.MaxCalls {
		return nil, fmt.Errorf("%w: %d calls are needed, --max-calls allows %d", ErrBudget, p.Calls(o.Runs), o.MaxCalls)
	}
	bodies := map[string][]byte{}
	for _, arm := range p.arms() {
		body := p.Body(arm)
		if o.Stream {
			body = wire.WithStream(p.Request.Dialect, body)
		}
		bodies[arm] = body.Bytes()
	}
	x := &execution{options: o, bodies: bodies, runs: p.schedule(o.Runs), inARow: map[string]int{}}
	x.send(ctx)
	if x.stopped == nil && ctx.Err() != nil {
		x.stopped = fmt.Errorf("replay: %w", context.Cause(ctx))
	}
	return x.runs, p.finish(x.runs, o.Evaluators, x.stopped)
}

// execution sends the requests of a plan.
type execution struct {
	options RunOptions
	bodies  map[string][]byte
	runs    []Run

	mutex  sync.Mutex
	done   int
	inARow map[string]int
	// stopped says why the rest is not sent. What is under way goes on: it will
	// be paid for anyway.
	stopped error
}

func (x *execution) send(ctx context.Context) {
	var group sync.WaitGroup
	next := make(chan *Run)
	for range max(1, min(x.options.Concurrency, len(x.runs))) {
		group.Go(func() {
			for run := range next {
				x.sendOne(ctx, run)
			}
		})
	}
	for i := range x.runs {
		next <- &x.runs[i]
	}
	close(next)
	group.Wait()
}

func (x *execution) sendOne(ctx context.Context, run *Run) {
	x.mutex.Lock()
	stopped := x.stopped != nil || ctx.Err() != nil
	x.mutex.Unlock()
	if stopped {
		run.Err = ErrNotSent
		return
	}
	run.Start = time.Now()
	run.Response, run.Err = x.options.Sender.Send(ctx, x.bodies[run.Arm])
	run.End = time.Now()
	if run.Err == nil && run.Response.Err != nil {
		run.Err = run.Response.Err
	}
	x.mutex.Lock()
	defer x.mutex.Unlock()
	x.done++
	if x.inARow[run.Arm]++; run.Err == nil {
		x.inARow[run.Arm] = 0
	}
	if n := x.inARow[run.Arm]; n >= failuresInARow && x.stopped == nil {
		x.stopped = fmt.Errorf("%w: %d requests of the %s arm in a row failed: %w", ErrProvider, n, run.Arm, run.Err)
	}
	if x.options.Progress != nil {
		x.options.Progress(x.done, len(x.runs))
	}
}

// finish reads, scores and compares the answers.
func (p *Plan) finish(runs []Run, evaluators []*evaluator.Evaluator, stopped error) error {
	answered := map[string]int{}
	var last error
	for i := range runs {
		run := &runs[i]
		if run.Response == nil {
			last = run.Err
			continue
		}
		if run.Err == nil {
			answered[run.Arm]++
		} else {
			last = run.Err
		}
		span := p.answerSpan(run)
		run.Call = p.readCall(span)
		run.Scores = score(evaluators, evaluator.NewInput(span, run.Call))
		run.Divergence = Diverge(p.Source.Call, run.Call)
	}
	if stopped != nil {
		return stopped
	}
	for _, arm := range p.arms() {
		if answered[arm] == 0 {
			return fmt.Errorf("%w: no request of the %s arm was answered: %w", ErrProvider, arm, last)
		}
	}
	return nil
}

func score(evaluators []*evaluator.Evaluator, input *evaluator.Input) []evaluator.Score {
	var scores []evaluator.Score
	for _, e := range evaluators {
		if s, applies := e.Evaluate(input); applies {
			scores = append(scores, s)
		}
	}
	return scores
}
