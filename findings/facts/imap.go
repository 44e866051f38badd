package facts

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/mbaudit/mbaudit/evidence/earlier"
	"github.com/mbaudit/mbaudit/evidence/settings"
)

// settings reads a document of rights and settings.
func (s *source) settings() error {
	body, err := s.body()
	if err != nil {
		return err
	}
	doc, err := settings.Parse(body)
	if err != nil {
		return err
	}
	login := doc.Login
	for i := range doc.Rights {
		if err := s.rights(fmt.Sprintf("/rights/%d", i), &doc.Rights[i], login); err != nil {
			return err
		}
	}
	for i := range doc.Annotations {
		a := &doc.Annotations[i]
		f := s.fact(KindAnnotation, fmt.Sprintf("/annotations/%d", i))
		f.say("mailbox", a.Name)
		f.say("entry", string(a.Entry))
		if a.Value != nil {
			f.say("value", string(*a.Value))
		}
		f.Set("size", Number(a.Size))
		if err := s.keep(f); err != nil {
			return err
		}
	}
	return nil
}

// rights keeps who else may do what in a mailbox, and what the account may do in others'.
func (s *source) rights(locator string, r *settings.Rights, login string) error {
	if r.Of != "" && r.Of != "personal" && r.Mine != nil {
		f := s.fact(KindRights, locator)
		f.say("mailbox", r.Name)
		f.say("of", r.Of)
		f.say("rights", *r.Mine)
		if err := s.keep(f); err != nil {
			return err
		}
	}
	for i := range r.Entries {
		e := &r.Entries[i]
		f := s.fact(KindACL, fmt.Sprintf("%s/entries/%d", locator, i))
		identifier, rights := string(e.Identifier), string(e.Rights)
		f.say("mailbox", r.Name)
		f.say("of", r.Of)
		f.say("identifier", identifier)
		f.say("rights", rights)
		f.Set("negative", Bool(e.Negative))
		f.Set("owner", Bool(strings.EqualFold(identifier, login) || strings.EqualFold(identifier, s.Account) || identifier == "owner" ||
			strings.EqualFold("user:"+s.Account, identifier)))
		f.Set("everybody", Bool(identifier == "anyone" || identifier == "authenticated" || identifier == "anonymous"))
		f.Set("reads", Bool(strings.ContainsRune(rights, 'r')))
		f.Set("changes", Bool(strings.ContainsAny(rights, "istweakxdcp")))
		f.say("target", identifier)
		if err := s.keep(f); err != nil {
			return err
		}
	}
	return nil
}

// script reads a Sieve script's frame, and its actions where somebody understands them.
func (s *source) script() error {
	body, err := s.body()
	if err != nil {
		return err
	}
	name := s.Attrs["script"]
	if name == "" {
		name = s.Item
	}
	f := s.fact(KindScript, "")
	f.say("script", name)
	if active := s.Attrs["active"]; active != "" {
		f.Set("active", Bool(active == "true" || active == "yes")) // the collectors of servers and of files write it differently
	}
	f.Set("size", Number(int64(len(body))))
	f.say("sha256", s.SHA256.String())
	f.Set("webmail", Bool(bytes.Contains(body, []byte("# rule:[")) || bytes.Contains(body, []byte("/* EDIT:")))) // Roundcube, SOGo and others mark theirs
	f.Set("odd_name", Bool(strings.Trim(name, " .,;:!?*#@-_'\"()[]{}<>|/\\") == ""))
	if err := s.keep(f); err != nil || s.c.options.MailRules.Script == nil {
		return err
	}
	return s.meanings("", name, body, s.c.options.MailRules.Script)
}

// disappeared reads what is not there any more, folder by folder.
func (s *source) disappeared() error {
	body, err := s.body()
	if err != nil {
		return err
	}
	var report earlier.Report
	if err := asRecord(body, &report); err != nil {
		return err
	}
	for i := range report.Folders {
		r := &report.Folders[i]
		f := s.fact(KindDisappeared, "/folders/"+strconv.Itoa(i))
		_, folder, _ := strings.Cut(r.Resource, "/")
		f.say("folder", folder)
		f.Set("present", Number(r.Present))
		if r.Unused != nil {
			f.Set("unused", Number(r.Unused.Count))
			if total := r.Unused.Count + r.Present; total > 0 {
				f.Set("unused_percent", Number(r.Unused.Count*100/total))
			}
		}
		if r.Deleted != nil {
			f.Set("deleted", Number(r.Deleted.Count))
		}
		if e := r.Earlier; e != nil {
			f.Set("vanished", Number(int64(len(e.Vanished))))
			f.Set("renewed", Bool(e.Renewed != nil))
		}
		if err := s.keep(f); err != nil {
			return err
		}
		if err := s.vanished(i, folder, r.Earlier); err != nil {
			return err
		}
	}
	return nil
}

// maxVanished is of how many messages of a folder it is told one by one that they are gone.
const maxVanished = 5_000

// vanished keeps each message that an earlier bundle holds and that is not there any more, with what that bundle's header told, where
// that bundle was read before.
func (s *source) vanished(i int, folder string, e *earlier.Comparison) error {
	if e == nil {
		return nil
	}
	for j, gone := range e.Vanished[:min(len(e.Vanished), maxVanished)] {
		f := s.fact(KindDisappeared, "/folders/"+strconv.Itoa(i)+"/earlier/vanished/"+strconv.Itoa(j))
		f.say("folder", folder)
		f.say("gmail.id", gone.ID)
		f.say("other.bundle", gone.Bundle)
		f.say("other.exhibit", gone.Exhibit)
		if was, there := s.c.known.mail[gone.Bundle+"/"+gone.Exhibit]; there {
			f.say("subject", was.subject)
			f.say("message_id", was.id)
			f.Set("sent", Bool(was.sent))
		}
		if err := s.keep(f); err != nil {
			return err
		}
	}
	return nil
}
