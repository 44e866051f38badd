package managesieve

// AllowChanges has the connection send SETACTIVE and PUTSCRIPT too, which Check refuses. Only what takes an account back
// calls it; a test of package layout sees to that. Nothing has a connection send DELETESCRIPT or RENAMESCRIPT.
func (c *Conn) AllowChanges() { c.changes = true }

func (c *Conn) check(cmd *Command) error {
	if c.changes && (cmd.name == "SETACTIVE" || cmd.name == "PUTSCRIPT") {
		return nil
	}
	return Check(cmd)
}

// Activate has the server run a script, or none where name is empty (RFC 5804 section 2.8). The answer may be a refusal.
func (c *Conn) Activate(name string) (*Answer, error) {
	return c.Do(NewCommand("SETACTIVE").String(name))
}

// Store stores a script without running it (RFC 5804 section 2.6). It replaces one of that name: who must not do that
// looks first. The answer may be a refusal.
func (c *Conn) Store(name string, body []byte) (*Answer, error) {
	return c.Do(NewCommand("PUTSCRIPT").String(name).String(string(body)))
}
