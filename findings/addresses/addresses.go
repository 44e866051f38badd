package addresses

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"

	"github.com/mbaudit/mbaudit/internal/mailheader"
)

// A Class says whose an address is.
type Class string

// The classes.
const (
	Own        Class = "own"        // of the organisation
	LookAlike  Class = "look-alike" // of a domain that looks like one of the organisation's
	Disposable Class = "disposable" // of a service for addresses that are thrown away
	Private    Class = "private"    // of a free mail service, with the person's own name in it
	FreeMail   Class = "free-mail"
	External   Class = "external" // anybody else's
	Unknown    Class = "unknown"  // it is no address
)

// Book knows the organisation.
type Book struct {
	domains map[string]bool // own, in their A-label form
	looks   []look
	names   map[string][]string // words of the persons' names, by account
	ofAll   map[string]Class    // domains of services for everybody
	judged  map[string]string   // by domain: what like says, until there is another own domain
}

// maxJudged is how many domains are remembered. Most mail is from few.
const maxJudged = 50_000

// A look is an own domain as it is compared.
type look struct {
	domain, registrable, skeleton, name string
}

// NewBook makes a book of an organisation's domains.
func NewBook(domains []string) *Book {
	b := &Book{domains: map[string]bool{}, names: map[string][]string{}, ofAll: map[string]Class{}, judged: map[string]string{}}
	for _, d := range freeMail() {
		b.ofAll[d] = FreeMail
	}
	for _, d := range disposable() {
		b.ofAll[d] = Disposable
	}
	for _, d := range domains {
		b.AddDomain(d)
	}
	return b
}

// AddDomain notes a domain of the organisation. Those of mail services for everybody are nobody's own.
func (b *Book) AddDomain(domain string) {
	domain = normal(domain)
	if domain == "" || !strings.Contains(domain, ".") || b.domains[domain] || b.ofAll[domain] != "" {
		return
	}
	b.domains[domain] = true
	clear(b.judged)
	registrable := registrableOf(domain)
	_, shown := mailheader.DomainForms(registrable)
	name, _, _ := strings.Cut(shown, ".")
	b.looks = append(b.looks, look{domain, registrable, skeleton(shown), skeleton(name)})
}

// AddPerson notes the name of an account's owner.
func (b *Book) AddPerson(account, name string) {
	account = strings.ToLower(account)
	for _, w := range words(name) {
		if len(w) >= 3 && !slices.Contains(b.names[account], w) {
			b.names[account] = append(b.names[account], w)
		}
	}
}

// Domains lists the own domains.
func (b *Book) Domains() []string {
	all := make([]string, 0, len(b.domains))
	for d := range b.domains {
		all = append(all, d)
	}
	slices.Sort(all)
	return all
}

// A Verdict is what is known of an address.
type Verdict struct {
	Class  Class
	Domain string // in lower case, with A-labels
	Like   string // the own domain that it looks like
}

// External says that an address is not the organisation's.
func (v Verdict) External() bool { return v.Class != Own && v.Class != Unknown }

// Judge says whose an address is. account is whose mailbox it was found in, for comparing names.
func (b *Book) Judge(address, account string) Verdict {
	local, domain, found := cutLast(address)
	if !found || domain == "" {
		return Verdict{Class: Unknown}
	}
	ascii := normal(domain)
	v := Verdict{Class: External, Domain: ascii}
	switch {
	case ascii == "":
		v.Class, v.Domain = External, strings.ToLower(domain)
	case b.own(ascii):
		v.Class = Own
	case b.ofAll[registrableOf(ascii)] == Disposable:
		v.Class = Disposable
	case b.ofAll[ascii] == FreeMail:
		v.Class = FreeMail
		if b.named(local, account) {
			v.Class = Private
		}
	default:
		if like := b.like(ascii); like != "" {
			v.Class, v.Like = LookAlike, like
		}
	}
	return v
}

func cutLast(address string) (local, domain string, found bool) {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return "", "", false
	}
	return address[:i], strings.Trim(address[i+1:], " <>"), true
}

func normal(domain string) string {
	ascii, _ := mailheader.DomainForms(strings.TrimSpace(domain))
	return ascii
}

// own says whether a domain is the organisation's or below one that is.
func (b *Book) own(domain string) bool {
	for {
		if b.domains[domain] {
			return true
		}
		_, rest, found := strings.Cut(domain, ".")
		if !found {
			return false
		}
		domain = rest
	}
}

// named says whether two words of a person's name are in the local part, or one where it has no more.
func (b *Book) named(local, account string) bool {
	names := b.names[strings.ToLower(account)]
	if len(names) == 0 {
		user, _, _ := cutLast(account)
		names = slices.DeleteFunc(words(user), func(w string) bool { return len(w) < 3 })
	}
	folded := strings.Join(words(local), "")
	hits := 0
	for _, n := range names {
		if strings.Contains(folded, n) {
			hits++
		}
	}
	return hits > 0 && hits >= min(2, len(names))
}

// words takes accents and case off a text and gives its words.
func words(text string) []string {
	folded := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(text))
	return strings.FieldsFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) })
}

func registrableOf(domain string) string {
	if r, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
		return r
	}
	return domain
}

// like gives the own domain that a domain looks like, or "".
func (b *Book) like(domain string) string {
	like, known := b.judged[domain]
	if !known {
		like = b.compare(domain)
		if len(b.judged) < maxJudged {
			b.judged[domain] = like
		}
	}
	return like
}

func (b *Book) compare(domain string) string {
	registrable := registrableOf(domain)
	_, unicodeForm := mailheader.DomainForms(registrable)
	bones := skeleton(unicodeForm)
	name, _, _ := strings.Cut(bones, ".")
	plain, _, _ := strings.Cut(registrable, ".")
	for _, l := range b.looks {
		if registrable == l.registrable {
			continue // a neighbour below the same registration is another case: it is theirs or their host's
		}
		if bones == l.skeleton || name == l.name && len(name) > 3 || near(name, l.name) || dressed(plain, l.registrable) {
			return l.domain
		}
	}
	return ""
}

// near says whether two names differ by one letter, or by two where both are long.
func near(a, b string) bool {
	shorter := min(len(a), len(b))
	if shorter <= 3 {
		return false
	}
	most := 1
	if shorter >= 8 {
		most = 2
	}
	return distance(a, b, most) <= most
}

// dressed says whether a name is an own one with digits, or with a word and a hyphen, put to it.
func dressed(name, own string) bool {
	own, _, _ = strings.Cut(own, ".")
	if len(own) <= 3 || name == own {
		return false
	}
	if rest, ok := strings.CutPrefix(name, own); ok {
		return rest[0] == '-' || strings.Trim(rest, "0123456789") == ""
	}
	rest, ok := strings.CutSuffix(name, own)
	return ok && rest[len(rest)-1] == '-'
}

// distance counts the letters that are put in, left out, changed or swapped with their neighbour (optimal string
// alignment), and gives up beyond most.
func distance(a, b string, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// skeleton writes a domain so that those that look alike are the same: accents are taken off, letters of other alphabets
// and digits become the Latin letters that they look like, and pairs that look like one letter become it.
func skeleton(domain string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.ToLower(domain)) {
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		if like, ok := confusable(r); ok {
			b.WriteString(like)
			continue
		}
		b.WriteRune(r)
	}
	return strings.NewReplacer("rn", "m", "vv", "w", "cl", "d").Replace(b.String())
}

// lookAlikes are pairs: a letter or digit, and the Latin letter that it looks like in a domain's name.
const lookAlikes = "0o3e5sаaеeоoрpсcуyхxѕsјjһhԁdԛqԝwɡgɑaոnցgνvкkмmтtвbнhαaοoκkρpτtυuχxʏyɴnʀr"

// confusable is the Latin letter that r looks like.
func confusable(r rune) (string, bool) {
	switch r { // letters that stand for i, however they are written
	case 'l', 'ı', 'ɩ', 'ӏ', 'і', 'ι', '1', '|':
		return "i", true
	}
	pairs := []rune(lookAlikes)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == r {
			return string(pairs[i+1]), true
		}
	}
	return "", false
}
