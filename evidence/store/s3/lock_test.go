package s3_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/mbaudit/mbaudit/evidence/store"
	"github.com/mbaudit/mbaudit/evidence/store/s3"
	"github.com/mbaudit/mbaudit/evidence/store/storetest"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// TestChangeLocks extends locks and sets holds, also on an object that a delete marker hides.
func TestChangeLocks(t *testing.T)      { changeLocks(t, servertest.S3(t)) }
func TestMinIOChangeLocks(t *testing.T) { changeLocks(t, servertest.MinIO(t)) }

func changeLocks(t *testing.T, srv *servertest.S3Server) {
	srv.MakeBucket(t, "locked", true)
	cfg := config(srv, "locked", true)
	st := open(t, cfg)
	body := []byte("sealed")
	if err := st.Create(t.Context(), storetest.Object("seal", body), bytes.NewReader(body)); err != nil {
		t.Fatal(err)
	}
	before, err := st.Stat(t.Context(), "seal")
	if err != nil {
		t.Fatal(err)
	}
	first := before.Lock.Until
	extend := func(until time.Time, wantChanged bool, wantUntil time.Time) {
		t.Helper()
		lock, changed, err := st.ExtendLock(t.Context(), "seal", before.VersionID, until)
		if err != nil || changed != wantChanged || lock.Mode != store.Compliance || !lock.Until.Equal(wantUntil) {
			t.Errorf("extending: %+v, changed %t, %v; want %t until %s", lock, changed, err, wantChanged, wantUntil)
		}
	}
	hold := func(on, wantChanged bool) {
		t.Helper()
		lock, changed, err := st.SetLegalHold(t.Context(), "seal", before.VersionID, on)
		if err != nil || changed != wantChanged || lock.LegalHold != on || lock.Mode != store.Compliance {
			t.Errorf("hold %t: %+v, changed %t, %v; want %t", on, lock, changed, err, wantChanged)
		}
	}
	extend(first.Add(time.Hour), true, first.Add(time.Hour))
	extend(first.Add(time.Hour), false, first.Add(time.Hour))
	extend(first, false, first.Add(time.Hour)) // never shorter
	hold(true, true)
	hold(true, false)
	hold(false, true)
	hold(false, false)

	if err := srv.Client(t).RemoveObject(t.Context(), "locked", cfg.Prefix+"/seal", minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	hold(true, true)
	extend(first.Add(2*time.Hour), true, first.Add(2*time.Hour))
	for v, err := range st.Versions(t.Context(), "seal") {
		if err != nil {
			t.Fatal(err)
		}
		if !v.DeleteMarker && (v.Lock == nil || !v.Lock.LegalHold || !v.Lock.Until.Equal(first.Add(2*time.Hour))) {
			t.Errorf("the versions tell the lock %+v", v.Lock)
		}
	}
	r, err := st.OpenVersion(t.Context(), "seal", before.VersionID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if have, err := io.ReadAll(r); err != nil || !bytes.Equal(have, body) {
		t.Errorf("the hidden version is %q, %v", have, err)
	}

	// What has no lock gets one.
	free := config(srv, "locked", false)
	unlocked := open(t, free)
	if err := unlocked.Create(t.Context(), storetest.Object("free", body), bytes.NewReader(body)); err != nil {
		t.Fatal(err)
	}
	entry, err := unlocked.Stat(t.Context(), "free")
	if err != nil {
		t.Fatal(err)
	}
	lock, changed, err := unlocked.ExtendLock(t.Context(), "free", entry.VersionID, first)
	if err != nil || !changed || lock.Mode != store.Compliance || !lock.Until.Equal(first) {
		t.Errorf("locking what is not: %+v, changed %t, %v", lock, changed, err)
	}
}

// TestLockIsCheckedAfterwards does not believe a service that says yes and does nothing.
func TestLockIsCheckedAfterwards(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	front := newProxy(t, srv)
	cfg := through(front, config(srv, "locked", true))
	st := open(t, cfg)
	body := []byte("sealed")
	if err := st.Create(t.Context(), storetest.Object("seal", body), bytes.NewReader(body)); err != nil {
		t.Fatal(err)
	}
	front.on(func(w http.ResponseWriter, r *http.Request) bool {
		return r.Method == http.MethodPut && (r.URL.Query().Has("retention") || r.URL.Query().Has("legal-hold")) // 200, and nothing done
	}, nil)
	if _, _, err := st.ExtendLock(t.Context(), "seal", "", cfg.RetainUntil.Add(time.Hour)); !errors.Is(err, store.ErrLockShort) {
		t.Errorf("got %v, want ErrLockShort", err)
	}
	if _, _, err := st.SetLegalHold(t.Context(), "seal", "", true); !errors.Is(err, store.ErrHold) {
		t.Errorf("got %v, want ErrHold", err)
	}
	front.on(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		answer(w, http.StatusForbidden, "AccessDenied")
		return true
	}, nil)
	if _, changed, err := st.SetLegalHold(t.Context(), "seal", "", true); !errors.Is(err, s3.ErrDenied) || changed {
		t.Errorf("got %v, want ErrDenied", err)
	}
}

// TestVersionsWithoutVersioning lists the one version that a bucket without versions has of each object.
func TestVersionsWithoutVersioning(t *testing.T) { versionsWithoutVersioning(t, servertest.S3(t)) }
func TestMinIOVersionsWithoutVersioning(t *testing.T) {
	versionsWithoutVersioning(t, servertest.MinIO(t))
}

func versionsWithoutVersioning(t *testing.T, srv *servertest.S3Server) {
	srv.MakeBucket(t, "plain", false)
	st := open(t, config(srv, "plain", false))
	body := []byte("sealed")
	if err := st.Create(t.Context(), storetest.Object("seal", body), bytes.NewReader(body)); err != nil {
		t.Fatal(err)
	}
	n := 0
	for v, err := range st.Versions(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if v.Name != "seal" || v.VersionID != "" || !v.Latest || v.DeleteMarker || v.Lock != nil || v.SHA256 == nil {
			t.Errorf("version %+v", v)
		}
	}
	if n != 1 {
		t.Errorf("%d versions", n)
	}
}
