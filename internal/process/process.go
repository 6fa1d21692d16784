// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package process runs the project's own programs as child processes, for the
// demonstration and for end-to-end tests: it starts them, waits until they
// serve, and makes sure that none is left behind.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Process is one running child.
type Process struct {
	name    string
	logPath string
	cmd     *exec.Cmd
	done    chan struct{}
	waitErr error
	once    sync.Once
}

// Options say how a child is started.
type Options struct {
	// Name is used in messages and as the name of the log file.
	Name string
	// Path is the program; Args its arguments; Env is added to the parent's
	// environment.
	Path string
	Args []string
	Env  []string
	// Dir is the working directory; empty means the parent's.
	Dir string
	// LogDir receives NAME.log with what the child writes; it must exist.
	LogDir string
	// Out receives what the child writes as well; it may be nil.
	Out io.Writer
}

// Start starts a child. Its output is appended to a log file. Where the system
// can, the child is killed when its parent dies.
func Start(o Options) (*Process, error) {
	logPath := filepath.Join(o.LogDir, o.Name+".log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Name, err)
	}
	cmd := exec.Command(o.Path, o.Args...)
	cmd.Dir = o.Dir
	cmd.Env = append(os.Environ(), o.Env...)
	var out io.Writer = log
	if o.Out != nil {
		// The child writes through a pipe, which is copied until it has ended.
		cmd.WaitDelay = 5 * time.Second
		out = io.MultiWriter(log, o.Out)
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = attributes()
	p := &Process{name: o.Name, logPath: logPath, cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel ties the child to the thread that starts it, which must
		// therefore last as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer log.Close()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.waitErr = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Name, err)
	}
	return p, nil
}

// WaitListening waits until something accepts connections at address. It fails
// when the child ends first or the context does; the error ends with the last
// lines of the child's log.
func (p *Process) WaitListening(ctx context.Context, address string) error {
	dialer := net.Dialer{Timeout: time.Second}
	for {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.done:
			return fmt.Errorf("nothing listens on %s: %w", address, p.Ended())
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s: %w\n%s", p.name, address, ctx.Err(), p.Tail(20))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Wait waits until the child ends. It returns nil when the child ended well, and
// else why not, with the last lines of its log. When the context ends first, the
// child is stopped, with the given grace.
func (p *Process) Wait(ctx context.Context, grace time.Duration) error {
	select {
	case <-p.done:
		if p.waitErr == nil {
			return nil
		}
		return p.Ended()
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), p.Stop(grace))
	}
}

// Ended is the error of a child that ended although it should not have: how it
// ended, and the last lines of its log. It waits until the child has ended.
func (p *Process) Ended() error {
	<-p.done
	how := errExited
	if p.waitErr != nil {
		how = p.waitErr
	}
	return fmt.Errorf("%s ended: %w\n%s", p.name, how, p.Tail(20))
}

var errExited = errors.New("exit status 0")

// Stop asks the child to end and kills it when it has not after the given time.
// It is safe to call twice, and on a nil Process.
func (p *Process) Stop(grace time.Duration) error {
	if p == nil {
		return nil
	}
	p.once.Do(func() { _ = p.cmd.Process.Signal(os.Interrupt) })
	select {
	case <-p.done:
		return p.exit()
	case <-time.After(grace):
		p.Kill()
		return fmt.Errorf("%s did not end within %s and was killed\n%s", p.name, grace, p.Tail(20))
	}
}

// Kill ends the child at once, as a power cut would, and waits for it.
func (p *Process) Kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.done
}

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// CPUTime is the processor time, in user and kernel mode, that the child used;
// zero before it has ended.
func (p *Process) CPUTime() time.Duration {
	select {
	case <-p.done:
		return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
	default:
		return 0
	}
}

var highWater = regexp.MustCompile(`VmHWM:\s*(\d+) kB`)

// PeakMemory is the most that the child has held resident so far, in bytes; 0
// after it has ended, and where there is no /proc.
func (p *Process) PeakMemory() int64 {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID()), "status"))
	found := highWater.FindSubmatch(status)
	if err != nil || found == nil {
		return 0
	}
	kib, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

// exit is the child's exit error, nil when it ended well or was interrupted.
func (p *Process) exit() error {
	var exit *exec.ExitError
	if errors.As(p.waitErr, &exit) && !exit.Exited() {
		return nil
	}
	return p.waitErr
}

// Tail returns the last lines of the child's log, at most n.
func (p *Process) Tail(n int) string {
	content, err := os.ReadFile(p.logPath)
	if err != nil {
		return err.Error()
	}
	start := len(content)
	for lines := 0; start > 0; start-- {
		if content[start-1] == '\n' {
			if lines == n {
				break
			}
			lines++
		}
	}
	return string(content[start:])
}

// FreePort returns a TCP port on loopback that was free a moment ago.
func FreePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
