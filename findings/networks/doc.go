// Package networks says which network an IP address belongs to, for telling whether a person is where he was before. It
// works without any database: addresses are grouped by their prefix, /24 for IPv4 and /48 for IPv6, so that a telephone that
// gets another address in the same place is no new place. With a database that the user has (MaxMind's format: GeoLite2
// ASN, City and Country, DB-IP Lite, IPinfo Lite) it gives the autonomous system and the country too. Nothing is asked of
// any server. Whoever does not judge addresses need not read on.
//
// None is shipped: the licences of most forbid it. DB-IP Lite (CC BY 4.0) wants a line of attribution in the report; GeoLite2
// has its own terms.
package networks
