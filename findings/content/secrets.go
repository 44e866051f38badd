package content

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// The sorts of data that are counted.
const (
	Password = "password" // the word for it, and after a colon or equals sign something that looks like one
	Key      = "key"      // a private key, or a key to some service's API
	Token    = "token"    // a token that opens a session
	Card     = "card"     // a number of a payment card
	NIR      = "nir"      // a French social security number
)

// A sort of secrets is known by an expression (RE2: linear time).
type sort struct {
	name  string
	hints []string // the expression, which is slow, is asked only where one of these is in the text, in lower case
	match *regexp.Regexp
	fits  func(value string) bool // of the first group; nil takes all
}

func sorts() []sort {
	return []sort{
		{Password, []string{"mot de passe", "mots de passe", "mdp", "passecode", "passe code", "passw", "pwd", "kennwort", "contraseña", "senha", "code d"}, regexp.MustCompile(`(?i)(?:mots? de passe|\bmdp|passe ?code|password|passwd|\bpwd|passwort|kennwort|contraseña|\bsenha|code d['’]accès)[^\n:=]{0,24}[:=][ \t]*([^\s<>]{6,64})`), secretive},
		{Key, []string{"private key"}, regexp.MustCompile(`(-----BEGIN [A-Z ]{0,20}PRIVATE KEY)-----`), nil},
		{Key, []string{"akia", "aiza", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "glpat-", "sk_live_"}, regexp.MustCompile(`\b(AKIA[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{35}|gh[pousr]_[0-9A-Za-z]{36}|glpat-[0-9A-Za-z_-]{20}|sk_live_[0-9A-Za-z]{20,64})`), nil},
		{Token, []string{"xox", "eyj", "1//0"}, regexp.MustCompile(`\b(xox[abprs]-[0-9A-Za-z-]{10,80}|eyJ[0-9A-Za-z_-]{10,900}\.eyJ[0-9A-Za-z_-]{10,900}\.|1//0[0-9A-Za-z_-]{30,200})`), nil},
	}
}

// hinted says whether a text, in lower case, may hold one of the sort.
func (s *sort) hinted(lower string) bool {
	return slices.ContainsFunc(s.hints, func(h string) bool { return strings.Contains(lower, h) })
}

// secretive says whether a word looks like a password: letters and something else, and no address of a page.
func secretive(word string) bool {
	if strings.Contains(word, "://") || strings.HasPrefix(strings.ToLower(word), "www.") || strings.Trim(word, "*•.-_") == "" {
		return false
	}
	letters := strings.IndexFunc(word, unicode.IsLetter) >= 0
	return letters && strings.IndexFunc(strings.TrimRight(word, ".,;:!?)"), func(r rune) bool { return !unicode.IsLetter(r) && r != '-' && r != '\'' }) >= 0
}

// numbers finds numbers of cards and of French social security outside of what is taken already.
func numbers(text string, taken []span, found func(sort, value string)) {
	for i := 0; i < len(text); i++ {
		if len(taken) > 0 && i >= taken[0].from {
			i, taken = taken[0].to-1, taken[1:]
			continue
		}
		if !digit(text[i]) || i > 0 && word(text, i-1) {
			continue
		}
		if value, end := collect(text[i:], 15, nirCharacter); end > 0 && !word(text, i+end) && nir(value) {
			found(NIR, value)
			i += end - 1
			continue
		}
		for _, length := range [...]int{16, 15} {
			if value, end := collect(text[i:], length, digit); end > 0 && !word(text, i+end) && card(value) {
				found(Card, value)
				i += end - 1
				break
			}
		}
	}
}

func nirCharacter(c byte) bool { return digit(c) || upper(c) == 'A' || upper(c) == 'B' }

// nir checks a French social security number: sex, year, month, department, commune, order, and a key that is what 97 is
// short of the remainder. Corsica's 2A and 2B count as 19 and 18.
func nir(value string) bool {
	if value[0] != '1' && value[0] != '2' || value[3:5] < "01" || value[3:5] > "42" {
		return false
	}
	bare := value[:13]
	switch value[5:7] {
	case "2A":
		bare = bare[:5] + "19" + bare[7:]
	case "2B":
		bare = bare[:5] + "18" + bare[7:]
	}
	n, err := strconv.ParseInt(bare, 10, 64)
	key, err2 := strconv.ParseInt(value[13:], 10, 64)
	return err == nil && err2 == nil && key == 97-n%97
}

// card checks a card's number: the beginning of one of the large schemes, its length and Luhn's digit.
func card(value string) bool {
	first, _ := strconv.Atoi(value[:4])
	switch {
	case len(value) == 15:
		if first/100 != 34 && first/100 != 37 {
			return false
		}
	case first/1000 == 4, first >= 5100 && first < 5600, first >= 2221 && first <= 2720, first == 6011, first/100 == 65:
	default:
		return false
	}
	sum := 0
	for i := range len(value) {
		d := int(value[len(value)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0 && strings.Trim(value, value[:1]) != ""
}
