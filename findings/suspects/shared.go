package suspects

import "net/netip"

// prefixes parses a list of our own.
func prefixes(list ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(list))
	for i, s := range list {
		all[i] = netip.MustParsePrefix(s)
	}
	return all
}

func within(addr netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// routed says whether packets for an address cross the Internet: IANA's registries of special-purpose addresses, but for those
// that are for documentation, which exercises and demonstrations use.
func routed(addr netip.Addr) bool {
	return addr.IsGlobalUnicast() && !addr.IsPrivate() && !within(addr, prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4",
		"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2002::/16", "5f00::/16"))
}

// documentation says whether an address is for examples only (RFC 5737, RFC 3849, RFC 9637): nobody's.
func documentation(addr netip.Addr) bool {
	return within(addr, prefixes("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"))
}

// sharedBy names the provider whose address many people share: its mail servers, proxies and relays, or its cloud. The
// ranges are those that the providers publish for mail (_spf.google.com, spf.protection.outlook.com) and for proxies; "" where
// none of them is known to have it.
func sharedBy(addr netip.Addr, asn int64) string {
	for _, provider := range []struct {
		name   string
		asns   []int64
		ranges []netip.Prefix
	}{
		{"Google", []int64{15169, 19527, 396982, 36040, 43515}, prefixes("35.190.247.0/24", "64.233.160.0/19", "66.102.0.0/20", "66.249.80.0/20", "72.14.192.0/18", "74.125.0.0/16",
			"108.177.8.0/21", "172.217.0.0/16", "142.250.0.0/15", "173.194.0.0/16", "209.85.128.0/17", "216.58.192.0/19", "216.239.32.0/19",
			"2001:4860::/32", "2404:6800::/32", "2607:f8b0::/32", "2800:3f0::/32", "2a00:1450::/32", "2c0f:fb50::/32")},
		{"Microsoft", []int64{8075, 8068, 8069, 3598}, prefixes("13.107.6.152/31", "40.92.0.0/15", "40.107.0.0/16", "52.100.0.0/14", "104.47.0.0/17", "2a01:111::/32")},
		{"Apple", []int64{714, 6185}, prefixes("17.0.0.0/8")},
		{"Cloudflare", []int64{13335, 209242}, prefixes("173.245.48.0/20", "103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22", "141.101.64.0/18", "108.162.192.0/18",
			"190.93.240.0/20", "188.114.96.0/20", "197.234.240.0/22", "198.41.128.0/17", "162.158.0.0/15", "104.16.0.0/13", "104.24.0.0/14", "172.64.0.0/13",
			"131.0.72.0/22", "2400:cb00::/32", "2606:4700::/32", "2803:f800::/32", "2405:b500::/32", "2405:8100::/32", "2a06:98c0::/29", "2c0f:f248::/32")},
		{"Amazon", []int64{16509, 14618}, nil},
		{"Akamai", []int64{20940, 16625, 36183}, nil},
		{"Fastly", []int64{54113}, nil},
		{"Yahoo", []int64{36646, 36647, 26101, 34010}, nil},
	} {
		if within(addr, provider.ranges) {
			return provider.name
		}
		for _, n := range provider.asns {
			if n == asn {
				return provider.name
			}
		}
	}
	return ""
}
