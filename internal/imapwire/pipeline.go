package imapwire

import (
	"errors"
	"time"
)

// ErrStop is what the function given to Pipeline returns to have no more commands sent. The answers to those under way
// are still handed to it, and Pipeline returns nil.
var ErrStop = errors.New("no more commands are sent")

// maxAhead is how many bytes of commands are under way at most: so few that the server takes them all while it is busy
// sending, whatever the buffers on the way.
const maxAhead = 16 << 10

// Pipeline sends commands with up to window of them under way, and calls done with each answer in the order in which
// the answers end. An answer holds what came after the answer before it: where commands are under way together, only
// what a response says itself tells which of them it answers. The commands must be such as the server may work on in
// any order (RFC 3501 section 5.5).
//
// The first command is sent alone, and so is each one after a BAD: a server which does not know a command is not sent
// a window of them. An error of done other than ErrStop ends the pipeline and is returned; the connection cannot be used
// then. What has no answer when Pipeline returns
// an error has not been handed to done.
func (c *Conn) Pipeline(cmds []*Command, window int, done func(i int, a *Answer) error) error {
	p := &pipeline{c: c, cmds: cmds, window: 1, under: map[string]int{}, sizes: map[string]int{}}
	for len(p.under) > 0 || p.next < len(p.cmds) {
		i, answer, err := p.step()
		if err != nil {
			return err
		}
		p.window = window
		if answer.Status.Name == "BAD" {
			p.window = 1
		}
		err = done(i, answer)
		if errors.Is(err, ErrStop) {
			p.cmds, err = p.cmds[:p.next], nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type pipeline struct {
	c      *Conn
	cmds   []*Command
	window int
	next   int            // the first command that is not sent
	under  map[string]int // tag -> index of a command that is under way
	sizes  map[string]int // tag -> its bytes
	ahead  int            // bytes of the commands under way
}

// step sends what can be sent and reads one answer.
func (p *pipeline) step() (int, *Answer, error) {
	if len(p.under) == 0 && p.cmds[p.next].waits(p.c.NonSync) {
		answer, err := p.c.Do(p.cmds[p.next])
		p.next++
		return p.next - 1, answer, err
	}
	if err := p.send(); err != nil {
		return 0, nil, err
	}
	return p.read()
}

// waits says whether a command needs the server's leave to go on.
func (c *Command) waits(nonSync bool) bool {
	pieces, err := c.encode("", nonSync)
	return err == nil && len(pieces) > 1 || c.Respond != nil
}

// send fills the window up to the next command that must be sent alone.
func (p *pipeline) send() error {
	var batch []*Command
	first, ahead := p.next, p.ahead
	var sizes []int
	for p.next < len(p.cmds) && len(p.under)+len(batch) < p.window {
		cmd := p.cmds[p.next]
		if cmd.waits(p.c.NonSync) {
			break
		}
		size := cmd.size(p.c.NonSync)
		if ahead > 0 && ahead+size > maxAhead {
			break
		}
		ahead += size
		batch, sizes = append(batch, cmd), append(sizes, size)
		p.next++
	}
	if len(batch) == 0 {
		return nil
	}
	tags, err := p.c.Send(batch...)
	if err != nil {
		var refused *RefusedError
		if errors.As(err, &refused) {
			return err
		}
		return p.c.writeFailed(err)
	}
	for i, tag := range tags {
		p.under[tag], p.sizes[tag] = first+i, sizes[i]
	}
	p.ahead = ahead
	return nil
}

func (c *Command) size(nonSync bool) int {
	pieces, err := c.encode("A0000", nonSync)
	if err != nil {
		return 0 // Send reports it
	}
	return len(pieces[0])
}

// read reads up to the next tagged reply to one of our commands.
func (p *pipeline) read() (int, *Answer, error) {
	answer := &Answer{}
	for {
		resp, err := p.c.Next()
		if err != nil {
			return 0, nil, err
		}
		if answer.At.IsZero() {
			answer.At = time.Now()
		}
		if err := p.c.take(answer, resp); err != nil {
			return 0, nil, err
		}
		if resp.Kind != Tagged {
			continue
		}
		if i, ours := p.under[resp.Tag]; ours {
			answer.Status = resp.Status()
			p.ahead -= p.sizes[resp.Tag]
			delete(p.under, resp.Tag)
			delete(p.sizes, resp.Tag)
			return i, answer, nil
		}
	}
}
