package files

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// sieve imports Sieve scripts: the file that was named itself, or all below a directory that are named .sieve, or .script as
// Cyrus does. Which one
// is active is told by a link .dovecot.sieve (Pigeonhole) or active, defaultbc (Cyrus), beside the scripts or above them.
func (r *run) sieve(t *tree) error {
	var scripts []*found
	for i := range t.all {
		f := &t.all[i]
		switch {
		case !f.mode.IsRegular():
		case !t.place.dir || isScript(f.rel):
			scripts = append(scripts, f)
		default:
			r.onlyListed++
		}
	}
	resource := "scripts/" + r.label(t.place.path)
	if err := r.announce(resource, int64(len(scripts)), ""); err != nil {
		return err
	}
	active, by := t.activeScript()
	for _, f := range scripts {
		attrs := map[string]string{"script": visible.Text(withoutEnding(filepath.Base(f.rel))), "active": "unknown"}
		if by != "" {
			attrs["active"], attrs["active.by"] = "no", visible.Text(by)
			if withoutEnding(filepath.Join(t.base, f.rel)) == active {
				attrs["active"] = "yes"
			}
		}
		s := single{f: f, resource: resource, item: visible.Text(f.rel), name: r.name(t.path(f.rel), ""), media: "application/sieve", attrs: attrs}
		if err := r.single(t, s); err != nil {
			return err
		}
	}
	return nil
}

func isScript(name string) bool {
	return slices.Contains([]string{".sieve", ".script"}, strings.ToLower(filepath.Ext(name)))
}

func withoutEnding(path string) string { return strings.TrimSuffix(path, filepath.Ext(path)) }

// isActiveMark says whether a name is one by which a server knows the active script.
func isActiveMark(name string) bool {
	return slices.Contains([]string{".dovecot.sieve", "defaultbc", "active"}, name)
}

// activeScript says which script a server runs (its path without ending) and by what that is known: a link in the tree,
// or beside it, as Pigeonhole puts ~/.dovecot.sieve beside ~/sieve.
func (t *tree) activeScript() (active, by string) {
	if filepath.Base(t.place.path) == ".dovecot.sieve" {
		return withoutEnding(t.place.real), "its name " + t.place.path
	}
	for i := range t.all {
		f := &t.all[i]
		if !isActiveMark(filepath.Base(f.rel)) {
			continue
		}
		if f.link != "" {
			return t.target(filepath.Join(t.base, f.rel), f.link), "link " + t.path(f.rel) + " to " + f.link
		}
		if f.mode.IsRegular() && filepath.Base(f.rel) == ".dovecot.sieve" {
			return withoutEnding(filepath.Join(t.base, f.rel)), "its name " + t.path(f.rel)
		}
	}
	beside := filepath.Join(filepath.Dir(t.base), ".dovecot.sieve")
	if link, err := os.Readlink(beside); err == nil && t.place.dir {
		return t.target(beside, link), "link " + beside + " to " + link
	}
	return "", ""
}

// target is where a link points to, without the file's ending.
func (t *tree) target(at, link string) string {
	if !filepath.IsAbs(link) {
		link = filepath.Join(filepath.Dir(at), link)
	}
	return withoutEnding(filepath.Clean(link))
}

// marksFound says whether something found is the link to the active script, and the script was found too.
func (t *tree) marksFound(mark *found) bool {
	if t.c.cfg.Kind != Sieve || mark.link == "" || !isActiveMark(filepath.Base(mark.rel)) {
		return false
	}
	target := t.target(filepath.Join(t.base, mark.rel), mark.link)
	return slices.ContainsFunc(t.all, func(f found) bool {
		return f.mode.IsRegular() && withoutEnding(filepath.Join(t.base, f.rel)) == target
	})
}
