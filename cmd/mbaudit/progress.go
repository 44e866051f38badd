package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// A progress shows how far a collection is: a bar on a terminal, a plain line every some seconds otherwise. It is a
// collectors.Progress.
type progress struct {
	t     *terminal
	bar   *progressbar.ProgressBar // nil where plain lines are printed
	every time.Duration

	mu                  sync.Mutex
	step                string
	started, lastLine   time.Time
	total, done         int64 // messages
	totalBytes, written int64
	mailboxes, finished int // accounts, where several are read side by side
}

func newProgress(t *terminal) *progress {
	p := &progress{t: t, every: 10 * time.Second, started: t.now(), lastLine: t.now()}
	if t.progress {
		p.bar = progressbar.NewOptions64(0, progressbar.OptionSetWriter(t.stderr), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetItsString("msg"), progressbar.OptionShowIts(), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(200*time.Millisecond),
			progressbar.OptionSetWidth(max(10, min(30, t.width-60))), progressbar.OptionSpinnerType(14))
	}
	return p
}

// Expect adds to what is to come.
func (p *progress) Expect(messages, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total += messages
	p.totalBytes += bytes
	if p.bar != nil && p.total > 0 {
		p.bar.ChangeMax64(p.total)
	}
}

// Done adds to what has been kept.
func (p *progress) Done(messages, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += messages
	p.written += bytes
	now := p.t.now()
	if p.bar != nil {
		if messages > 0 && p.total > 0 {
			_ = p.bar.Add64(messages)
		}
		if now.Sub(p.lastLine) >= time.Second {
			p.lastLine = now
			p.bar.Describe(p.described(now))
		}
		return
	}
	if now.Sub(p.lastLine) >= p.every {
		p.lastLine = now
		p.t.say("%s", p.line(now))
	}
}

// line is what is said where no bar can be drawn.
func (p *progress) line(now time.Time) string {
	text := visible.Text(p.step) + ": "
	if p.mailboxes > 1 {
		text += fmt.Sprintf("%d of %d accounts, ", p.finished, p.mailboxes)
	}
	if p.total > 0 || p.mailboxes <= 1 {
		text += fmt.Sprintf("%d of %d messages, ", p.done, p.total)
	}
	return text + p.speed(now) + p.remaining(now)
}

// accounts says how many accounts are read side by side from now on.
func (p *progress) accounts(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mailboxes, p.finished = n, 0
}

// accountDone counts an account that is read.
func (p *progress) accountDone() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finished++
}

// clear takes the bar off the screen for a while.
func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// described stands before the bar.
func (p *progress) described(now time.Time) string {
	if p.mailboxes > 1 {
		return fmt.Sprintf("%d/%d accounts %s", p.finished, p.mailboxes, p.speed(now))
	}
	return visible.Cut(p.step, 16) + " " + p.speed(now)
}

// Step says what is being read now.
func (p *progress) Step(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.step = what
}

// finish takes the bar off the screen.
func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// speed is the mean rate so far.
func (p *progress) speed(now time.Time) string {
	seconds := max(now.Sub(p.started).Seconds(), 0.001)
	return fmt.Sprintf("%.1f MB/s", float64(p.written)/1e6/seconds)
}

// remaining estimates, by messages, how long the rest takes.
func (p *progress) remaining(now time.Time) string {
	if p.done == 0 || p.total <= p.done {
		return ""
	}
	left := now.Sub(p.started).Seconds() * float64(p.total-p.done) / float64(p.done)
	return ", about " + (time.Duration(left) * time.Second).String() + " left"
}
