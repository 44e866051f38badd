package networks

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

func TestPrefix(t *testing.T) {
	for ip, want := range map[string][2]string{
		"203.0.113.77":        {"203.0.113.0/24", "203.0.113.77"},
		"::ffff:203.0.113.77": {"203.0.113.0/24", "203.0.113.77"},
		"2001:db8:1:2:3::4":   {"2001:db8:1::/48", "2001:db8:1:2::/64"},
		"fe80::1%eth0":        {"fe80::/48", "fe80::/64"},
		"203.0.113":           {"", ""},
		"":                    {"", ""},
	} {
		if got := [2]string{Prefix(ip), Host(ip)}; got != want {
			t.Errorf("%q: %q, want %q", ip, got, want)
		}
	}
}

// write makes a database with one network.
func write(t *testing.T, kind string, record mmdbtype.Map) string {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, IncludeReservedNetworks: true, BuildEpoch: 1_700_000_000})
	if err != nil {
		t.Fatal(err)
	}
	_, network, err := net.ParseCIDR("203.0.113.0/24")
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Insert(network, record); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), kind+".mmdb")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFind reads the schemes of several makers; two databases complete each other.
func TestFind(t *testing.T) {
	asn := write(t, "GeoLite2-ASN", mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(64511), "autonomous_system_organization": mmdbtype.String("Test")})
	country := write(t, "DBIP-Country-Lite", mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String("NG")}})
	ipinfo := write(t, "ipinfo lite", mmdbtype.Map{"asn": mmdbtype.String("AS64511"), "as_name": mmdbtype.String("Test"), "country": mmdbtype.String("Nigeria"),
		"country_code": mmdbtype.String("NG")})
	for name, paths := range map[string][]string{"two": {asn, country}, "one": {ipinfo}} {
		d, err := Open(paths...)
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := d.Find("203.0.113.77"); !ok || p != (Place{64511, "Test", "NG"}) {
			t.Errorf("%s: %+v, %t", name, p, ok)
		}
		if p, ok := d.Find("192.0.2.1"); ok {
			t.Errorf("%s: nobody knows 192.0.2.1, and it is %+v", name, p)
		}
		if about := d.About(); len(about) != len(paths) || len(about[0].SHA256) != 64 || about[0].Built.Year() != 2023 {
			t.Errorf("%+v", about)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	var none *Database
	if _, ok := none.Find("203.0.113.77"); ok {
		t.Error("without a database something is found")
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) && err == nil {
		t.Error("a database that is not there opens")
	}
	broken := filepath.Join(t.TempDir(), "broken.mmdb")
	if err := os.WriteFile(broken, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(broken); err == nil {
		t.Error("any file is a database")
	}
}
