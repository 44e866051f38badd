package imapbench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/imap"
	"github.com/mbaudit/mbaudit/internal/imapwire"
)

// Discard fetches what the collector would fetch of the account's messages over one connection, one command a folder,
// and throws it away. It returns how many literals came and their bytes. scope.Folders are names as the server writes
// them; the scope's dates are disregarded.
func Discard(ctx context.Context, cfg imap.Config, scope collectors.Scope) (messages, size int64, err error) {
	c, err := imap.New(cfg)
	if err != nil {
		return 0, 0, err
	}
	conn, err := c.Dial(ctx, scope.Account)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	caps, err := capabilities(conn)
	if err != nil {
		return 0, 0, err
	}
	folders := scope.Folders
	if len(folders) == 0 {
		if folders, err = list(conn); err != nil {
			return 0, 0, err
		}
	}
	items := imap.FetchItems(scope.Messages, func(name string) bool { return caps[name] })
	for _, folder := range folders {
		answer, err := conn.Do(imapwire.NewCommand("EXAMINE").String(folder))
		if err != nil {
			return messages, size, err
		}
		if !answer.OK() {
			return messages, size, fmt.Errorf("EXAMINE %s: %s", folder, answer.Status)
		}
		tags, err := conn.Send(imapwire.NewCommand("UID FETCH").Atom("1:*").Atom("(" + items + ")"))
		if err != nil {
			return messages, size, err
		}
		if conn.Buffered() > 0 {
			return messages, size, errors.New("the server sent more than was asked")
		}
		n, b, err := drain(conn.NetConn(), tags[0])
		messages, size = messages+n, size+b
		if err != nil {
			return messages, size, err
		}
	}
	return messages, size, nil
}

// drain reads from the socket up to the tagged reply, and looks at nothing but the ends of lines.
func drain(r io.Reader, tag string) (literals, size int64, err error) {
	br := bufio.NewReaderSize(r, 256<<10)
	end := []byte(tag + " ")
	for {
		line, err := br.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return literals, size, err
		}
		if bytes.HasPrefix(line, end) {
			return literals, size, nil
		}
		if !bytes.HasSuffix(line, []byte("}\r\n")) {
			continue
		}
		n, err := strconv.Atoi(string(line[bytes.LastIndexByte(line, '{')+1 : len(line)-3]))
		if err != nil {
			return literals, size, err
		}
		if _, err := br.Discard(n); err != nil {
			return literals, size, err
		}
		literals, size = literals+1, size+int64(n)
	}
}

func capabilities(conn *imapwire.Conn) (map[string]bool, error) {
	answer, err := conn.Do(imapwire.NewCommand("CAPABILITY"))
	if err != nil {
		return nil, err
	}
	caps := map[string]bool{}
	for i := range answer.Untagged {
		for name := range strings.FieldsSeq(string(answer.Untagged[i].Rest())) {
			caps[strings.ToUpper(name)] = true
		}
	}
	return caps, nil
}

func list(conn *imapwire.Conn) ([]string, error) {
	answer, err := conn.Do(imapwire.NewCommand("LIST").String("").String("*"))
	if err != nil {
		return nil, err
	}
	var folders []string
	for i := range answer.Untagged {
		s := answer.Untagged[i].Scan()
		attrs, _ := s.Next()
		_, _ = s.Next()
		name, ok := s.Next()
		flags := strings.ToLower(string(attrs.Raw))
		if ok && !strings.Contains(flags, `\noselect`) && !strings.Contains(flags, `\nonexistent`) {
			folders = append(folders, string(name.Text()))
		}
	}
	return folders, nil
}
