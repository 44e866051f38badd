package networks

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Prefix is the network that an address is compared by: /24 of IPv4, /48 of IPv6. Of what is no address it is "".
func Prefix(ip string) string {
	addr, err := netip.ParseAddr(strings.TrimSpace(ip))
	if err != nil {
		return ""
	}
	addr = addr.Unmap().WithZone("")
	bits := 48
	if addr.Is4() {
		bits = 24
	}
	p, _ := addr.Prefix(bits) // bits is in range
	return p.String()
}

// Host is the address as it is counted: of IPv6 the /64, since privacy addresses change within it.
func Host(ip string) string {
	addr, err := netip.ParseAddr(strings.TrimSpace(ip))
	if err != nil {
		return ""
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	p, _ := addr.Prefix(64) // 64 is in range
	return p.String()
}

// A Place is what a database says of an address. What it does not say is zero.
type Place struct {
	ASN     uint64
	Name    string // of the autonomous system
	Country string // ISO 3166, two letters
}

// A Database is one or several files in MaxMind's format.
type Database struct {
	files []*file
}

type file struct {
	reader *maxminddb.Reader
	about  About
}

// An About says which database was asked, for the report.
type About struct {
	Type   string    `json:"type"`
	Built  time.Time `json:"built"`
	SHA256 string    `json:"sha256"`
}

// maxDatabase is how large a database may be.
const maxDatabase = 1 << 30

// Open reads databases into memory. The first that knows something of an address is believed.
func Open(paths ...string) (*Database, error) {
	d := &Database{}
	for _, path := range paths {
		f, err := open(path)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("reading %s: %w", path, err), d.Close())
		}
		d.files = append(d.files, f)
	}
	return d, nil
}

func open(path string) (*file, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxDatabase+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxDatabase {
		return nil, fmt.Errorf("a database has at most %d bytes", maxDatabase)
	}
	reader, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("it is no database in MaxMind's format: %w", err)
	}
	sum := sha256.Sum256(data)
	return &file{reader, About{Type: reader.Metadata.DatabaseType, Built: time.Unix(int64(reader.Metadata.BuildEpoch), 0).UTC(), SHA256: hex.EncodeToString(sum[:])}}, nil
}

// Close releases the databases.
func (d *Database) Close() error {
	var all []error
	for _, f := range d.files {
		all = append(all, f.reader.Close())
	}
	return errors.Join(all...)
}

// About lists the databases; of a nil Database there are none.
func (d *Database) About() []About {
	if d == nil {
		return nil
	}
	var all []About
	for _, f := range d.files {
		all = append(all, f.about)
	}
	return all
}

// Find says where an address is. ok is false where no database knows; so it is for a nil Database.
func (d *Database) Find(ip string) (p Place, ok bool) {
	addr, err := netip.ParseAddr(strings.TrimSpace(ip))
	if d == nil || err != nil {
		return Place{}, false
	}
	for _, f := range d.files {
		var r record
		if found := f.reader.Lookup(addr.Unmap()); !found.Found() || found.Decode(&r) != nil {
			continue
		}
		p = r.into(p)
	}
	return p, p != Place{}
}

// A record has the fields of all schemes that are read.
type record struct {
	Number  uint64 `maxminddb:"autonomous_system_number"`
	Name    string `maxminddb:"autonomous_system_organization"`
	ASN     string `maxminddb:"asn"`     // IPinfo: "AS15169"
	ASName  string `maxminddb:"as_name"` // IPinfo
	Code    string `maxminddb:"country_code"`
	Country any    `maxminddb:"country"` // IPinfo: its name; others: an object with iso_code
}

func (r *record) into(p Place) Place {
	if n, err := strconv.ParseUint(strings.TrimPrefix(r.ASN, "AS"), 10, 32); r.Number == 0 && err == nil {
		r.Number = n
	}
	if p.ASN == 0 {
		p.ASN, p.Name = r.Number, r.Name
		if p.Name == "" {
			p.Name = r.ASName
		}
	}
	if p.Country == "" {
		p.Country = r.Code
		if country, ok := r.Country.(map[string]any); ok {
			p.Country, _ = country["iso_code"].(string)
		}
	}
	return p
}
