package imapwire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestGuardSettings has every command that writes rights, annotations, quota or subscriptions, and every one that
// reads them.
func TestGuardSettings(t *testing.T) {
	for _, cmd := range []*Command{
		NewCommand("GETACL").String("INBOX"), NewCommand("MYRIGHTS").String("INBOX"),
		NewCommand("LISTRIGHTS").String("INBOX").String("-bob"), NewCommand("GETQUOTA").String(""),
		NewCommand("GETQUOTAROOT").String("INBOX"), NewCommand("GETANNOTATION").String("").String("*").Atom(`("value.priv")`),
		NewCommand("GETMETADATA").Atom("(MAXSIZE 10 DEPTH infinity)").String("\"\r\n").Atom("(/private /shared)"),
		NewCommand("LSUB").String("").String("*"), NewCommand("NAMESPACE"),
	} {
		if err := Check(cmd); err != nil {
			t.Errorf("%s: %v", cmd.Shown(), err)
		}
	}
	for _, name := range []string{
		"SETACL", "DELETEACL", "SETMETADATA", "SETANNOTATION", "SETQUOTA", "SUBSCRIBE", "UNSUBSCRIBE", "CREATE", "DELETE",
		"RENAME", "APPEND", "NOTIFY", "LANGUAGE", "LOCALCREATE", "XFER", "DUMP", "UNDUMP", "RECONSTRUCT", "setacl", "SetMetadata",
		"GETACL\r\nA2 SETACL", "GETMETADATA SETMETADATA",
	} {
		cmd := NewCommand(name).String("INBOX").String("mallory").Atom("lr")
		var refused *RefusedError
		if err := Check(cmd); !errors.As(err, &refused) {
			t.Errorf("%q: %v, want a RefusedError", name, err)
		}
		client, server := net.Pipe()
		sent := make(chan int64, 1)
		go func() {
			n, _ := io.Copy(io.Discard, server)
			sent <- n
		}()
		err := New(WithPace(client, Pace{Window: time.Second}), Limits{}).Pipeline([]*Command{cmd, cmd}, 8, func(int, *Answer) error { return nil })
		client.Close()
		if n := <-sent; !errors.As(err, &refused) || n > 0 {
			t.Errorf("Pipeline(%q) = %v after %d bytes, want a RefusedError and nothing sent", name, err, n)
		}
	}
	line := NewCommand("GETMETADATA").Atom("(DEPTH infinity)\r\nA2 SETACL INBOX mallory lr").String("")
	var refused *RefusedError
	if err := Check(line); !errors.As(err, &refused) {
		t.Errorf("a line break in an argument: %v, want a RefusedError", err)
	}
}

// pipelined is a server that answers "MYRIGHTS name" with the name, in batches: it says nothing before as many commands
// as it can have wait for an answer. most is how many it ever had waiting.
func pipelined(t *testing.T, batch int, reverse bool) (conn *Conn, most func() int) {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close(); server.Close() })
	seen := make(chan int, 1)
	go func() {
		lines := bufio.NewReader(server)
		largest, want := 0, 1
		defer func() { seen <- largest }()
		for {
			var out []string
			for len(out) < want {
				line, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				tag, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
				name := strings.Trim(strings.TrimPrefix(rest, "MYRIGHTS "), `"`)
				if size, ok := strings.CutPrefix(name, "{"); ok {
					n, _ := strconv.Atoi(strings.Trim(size, "+}"))
					if _, err := io.WriteString(server, "+ go on\r\n"); err != nil {
						return
					}
					buf := make([]byte, n+2)
					if _, err := io.ReadFull(lines, buf); err != nil {
						return
					}
					name = fmt.Sprintf("{%d}\r\n%s", n, buf[:n])
				}
				out = append(out, fmt.Sprintf("* MYRIGHTS %s lr\r\n%s OK done\r\n", name, tag))
				if strings.HasSuffix(name, "last") || strings.Contains(name, "\n") {
					break
				}
			}
			largest = max(largest, len(out))
			want = batch
			if reverse {
				slices.Reverse(out)
			}
			if _, err := io.WriteString(server, strings.Join(out, "")); err != nil {
				return
			}
		}
	}()
	return New(WithPace(client, Pace{Window: 10 * time.Second}), Limits{}), func() int {
		client.Close()
		return <-seen
	}
}

func TestPipeline(t *testing.T) {
	for _, reverse := range []bool{false, true} {
		conn, most := pipelined(t, 8, reverse)
		var cmds []*Command
		for i := range 1 + 3*8 { // the first is sent alone
			cmds = append(cmds, NewCommand("MYRIGHTS").String(fmt.Sprint("box", i)))
		}
		var got []int
		err := conn.Pipeline(cmds, 8, func(i int, a *Answer) error {
			got = append(got, i)
			if want := fmt.Sprintf("* MYRIGHTS box%d lr\r\n", i); !a.OK() || !strings.HasPrefix(string(a.Raw), want) || a.At.IsZero() {
				t.Errorf("answer %d is %q", i, a.Raw)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if len(got) != len(cmds) || len(slices.Compact(got)) != len(cmds) {
			t.Errorf("answers: %v", got)
		}
		if n := most(); n != 8 {
			t.Errorf("the server had %d commands at once, want 8", n)
		}
	}
}

// TestPipelineLiteral has a name in the middle that the server must be asked to take.
func TestPipelineLiteral(t *testing.T) {
	conn, _ := pipelined(t, 1, false)
	names := []string{"a", "b", "c\r\nd", "e", "last"}
	var cmds []*Command
	for _, name := range names {
		cmds = append(cmds, NewCommand("MYRIGHTS").String(name))
	}
	n := 0
	err := conn.Pipeline(cmds, 4, func(i int, a *Answer) error {
		s := a.Untagged[0].Scan()
		if name, _ := s.Next(); string(name.Text()) != names[i] || i != n {
			t.Errorf("answer %d, of command %d, is about %q", n, i, name.Text())
		}
		n++
		return nil
	})
	if err != nil || n != len(names) {
		t.Errorf("%d answers, %v", n, err)
	}
}

func TestPipelineEnds(t *testing.T) {
	conn := serve(t, "* MYRIGHTS a lr\r\nTAG OK done\r\n", "* BYE [UNAVAILABLE] enough\r\n")
	n := 0
	cmds := []*Command{NewCommand("MYRIGHTS").String("a"), NewCommand("MYRIGHTS").String("b"), NewCommand("MYRIGHTS").String("c")}
	err := conn.Pipeline(cmds, 2, func(int, *Answer) error { n++; return nil })
	var bye *ByeError
	if !errors.As(err, &bye) || n != 1 {
		t.Errorf("%d answers and %v, want 1 and a ByeError", n, err)
	}
}
