package probe

import (
	"errors"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
)

// TestVerdict changes one answer of a store that is right in all.
func TestVerdict(t *testing.T) {
	all := append(essential(), SignedHash, WrongChecksum, TellsChecksum, Extend, Hold, HoldOutlasts, MarkerShown, ServerClock)
	for _, test := range []struct {
		name   string
		change map[string]Answer
		want   Verdict
		says   string
	}{
		{"all yes", nil, WriteOnce, "keeps evidence write-once"},
		{"a name can be taken twice, as with Ceph Pacific", map[string]Answer{TakenName: No, Race: No}, NotWriteOnce, "it is not so that said of taken-name; said of race."},
		{"the checksum is ignored and the signed hash is not", map[string]Answer{WrongChecksum: No}, WriteOnce, "keeps evidence write-once"},
		{"both are ignored", map[string]Answer{WrongChecksum: No, SignedHash: No}, NotWriteOnce, "said of wrong-checksum"},
		{"locks are taken and not kept, as by gofakes3", map[string]Answer{LockStored: No, DeleteRefused: No}, NotWriteOnce, "there is no lock"},
		{"bypass", map[string]Answer{BypassRefused: No}, NotWriteOnce, "said of bypass-refused"},
		{"may not delete", map[string]Answer{DeleteRefused: Unknown, BypassRefused: Unknown}, Undecided, "unknown is whether said of delete-refused; said of bypass-refused."},
		{"no and unknown", map[string]Answer{DeleteRefused: Unknown, WeakenRefused: No}, NotWriteOnce, "said of weaken-refused"},
		{"a hold that ends", map[string]Answer{HoldOutlasts: No}, WriteOnce, "worth nothing here"},
		{"another clock", map[string]Answer{ServerClock: No}, WriteOnce, "clock is not ours"},
		{"no extension", map[string]Answer{Extend: No}, WriteOnce, "keeps evidence write-once"},
	} {
		r := new(Result)
		for _, name := range all {
			a := Yes
			if changed, ok := test.change[name]; ok {
				a = changed
			}
			r.Checks = append(r.Checks, Check{Name: name, What: "said of " + name, Answer: a})
		}
		r.decide()
		if r.Verdict != test.want || !strings.Contains(r.Summary(), test.says) {
			t.Errorf("%s: %q: %s", test.name, r.Verdict, r.Summary())
		}
	}
}

// TestByLock tells the lock's refusal from others, in the words of services.
func TestByLock(t *testing.T) {
	for _, test := range []struct {
		err   error
		shown bool // the key may delete elsewhere
		want  bool
	}{
		{minio.ErrorResponse{StatusCode: 403, Code: "AccessDenied", Message: "Access Denied because object protected by object lock."}, false, true},
		{minio.ErrorResponse{StatusCode: 400, Code: "InvalidRequest", Message: "Object is WORM protected and cannot be overwritten"}, false, true},
		{minio.ErrorResponse{StatusCode: 403, Code: "AccessDenied", Message: "Access Denied"}, false, false},
		{minio.ErrorResponse{StatusCode: 403, Code: "AccessDenied", Message: "Access Denied"}, true, true},
		{minio.ErrorResponse{StatusCode: 400, Code: "MalformedXML", Message: "The XML you provided was not well-formed"}, true, false},
		{minio.ErrorResponse{StatusCode: 503, Code: "SlowDown", Message: "object lock"}, true, false},
		{minio.ErrorResponse{StatusCode: 501, Code: "NotImplemented", Message: "retention"}, true, false},
		{errors.New("connection refused"), true, false},
	} {
		if have := byLock(test.err, test.shown); have != test.want {
			t.Errorf("%v (shown %t): %t, want %t", test.err, test.shown, have, test.want)
		}
	}
}
