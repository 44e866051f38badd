package facts

import (
	"maps"
	"slices"

	"github.com/mbaudit/mbaudit/findings/addresses"
)

// partners know the domains that the organisation writes to, so that a stranger who looks like one of them is seen: fraud
// with payments imitates the supplier more often than the organisation.
type partners struct {
	known    *known
	book     *addresses.Book
	verdicts map[string]string // by domain: the correspondent that it looks like, or ""
}

// maxVerdicts is how many domains of senders are remembered. What is beyond is compared again.
const maxVerdicts = 200_000

func newPartners(k *known) *partners { return &partners{known: k, verdicts: map[string]string{}} }

// see says whether the sender, or where answers go, looks like a correspondent.
func (p *partners) see(f *Fact) {
	if f.Is("sent") {
		return
	}
	if p.book == nil { // all messages have been read by now
		p.book = addresses.NewBook(nil)
		for _, domain := range slices.Sorted(maps.Keys(p.known.partners)) {
			p.book.AddDomain(domain)
		}
	}
	for _, name := range [...]string{"from", "reply_to"} {
		if f.Text(name+".class") == string(addresses.External) {
			f.say(name+".like_correspondent", p.like(f.Text(name+".domain")))
		}
	}
}

func (p *partners) like(domain string) string {
	if p.known.partners[domain] {
		return ""
	}
	like, there := p.verdicts[domain]
	if !there {
		if verdict := p.book.Judge("x@"+domain, ""); verdict.Class == addresses.LookAlike {
			like = verdict.Like
		}
		if len(p.verdicts) < maxVerdicts {
			p.verdicts[domain] = like
		}
	}
	return like
}
