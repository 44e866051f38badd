package probe

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/mbaudit/mbaudit/evidence/store"
	"github.com/mbaudit/mbaudit/evidence/store/s3"
)

func checksum(sum [sha256.Size]byte) string { return base64.StdEncoding.EncodeToString(sum[:]) }

// clock compares the clocks, and sets the end of all locks by the service's: a lock is never longer than was said.
func (p *prober) clock(ctx context.Context) {
	const what = "the service's clock is right within 5 s"
	before := p.cfg.Now()
	server, rtt, err := p.store.ServerTime(ctx)
	if err != nil {
		p.until = p.cfg.Now().Add(p.cfg.Retention).UTC().Truncate(time.Second)
		p.add(ServerClock, what, Unknown, nil, cut(err.Error(), 200))
		return
	}
	// HTTP tells whole seconds: the truth lies within the second that follows.
	p.offset = server.Add(500 * time.Millisecond).Sub(before.Add(rtt / 2))
	ms := p.offset.Milliseconds()
	p.result.ClockOffset = &ms
	p.until = server.Add(p.cfg.Retention).Truncate(time.Second)
	a := Yes
	if p.offset.Abs() > 5*time.Second {
		a = No
	}
	p.add(ServerClock, what, a, nil, fmt.Sprintf("the service is %+.1f s from this machine's clock", p.offset.Seconds()))
}

// aboutBucket asks, and with Thorough tries, what the bucket says of itself.
func (p *prober) aboutBucket(ctx context.Context) {
	b := p.store.Bucket()
	p.add(ObjectLock, "the bucket says that it has Object Lock", answer(b.Locks), nil, "")
	p.add(Versioning, "the bucket keeps versions", answer(b.Versions), nil, "")
	if !p.cfg.Thorough || b.Locks != s3.Yes {
		return
	}
	const what = "versioning cannot be suspended"
	err := p.core.SuspendVersioning(ctx, p.bucket)
	switch {
	case err == nil:
		if err := p.core.EnableVersioning(context.WithoutCancel(ctx), p.bucket); err != nil {
			p.add(KeepsVersioning, what, No, err, "it was suspended and could not be switched on again: do that by hand")
			return
		}
		p.add(KeepsVersioning, what, No, nil, "it was suspended, and is switched on again")
	case status(err) == http.StatusConflict || byLock(err, false):
		p.add(KeepsVersioning, what, Yes, err, "")
	default:
		p.add(KeepsVersioning, what, Unknown, err, "")
	}
}

// names tries to write over what is there.
func (p *prober) names(ctx context.Context, taken object) {
	body := []byte("mbaudit probe other\n")
	opts := plainPut(body)
	opts.SetMatchETagExcept("*")
	if taken.locked {
		opts.Mode, opts.RetainUntilDate = minio.Compliance, p.until
	}
	_, err := p.send(ctx, taken.key, body, opts, sha256.Sum256(body))
	const what = "a taken name is refused (If-None-Match)"
	switch {
	case err == nil:
		p.add(TakenName, what, No, nil, "a second object was accepted under the same name")
	case status(err) == http.StatusPreconditionFailed:
		p.add(TakenName, what, Yes, err, "")
	default:
		p.add(TakenName, what, Unknown, err, "")
	}
	p.race(ctx, taken.locked)
}

// race has eight writers go for one name at once.
func (p *prober) race(ctx context.Context, locked bool) {
	const writers = 8
	errs := make([]error, writers)
	start := make(chan struct{})
	var ready sync.WaitGroup
	var done sync.WaitGroup
	for i := range writers {
		ready.Add(1)
		done.Go(func() {
			body := fmt.Appendf(nil, "mbaudit probe race %d\n", i)
			opts := plainPut(body)
			opts.SetMatchETagExcept("*")
			if locked {
				opts.Mode, opts.RetainUntilDate = minio.Compliance, p.until
			}
			sum := sha256.Sum256(body)
			ready.Done()
			<-start
			_, errs[i] = p.core.PutObject(ctx, p.bucket, p.dir+"/race", bytes.NewReader(body), int64(len(body)), "",
				fmt.Sprintf("%x", sum), opts)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	won, lost := 0, 0
	var refused, odd error
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case status(err) == http.StatusPreconditionFailed, status(err) == http.StatusConflict:
			lost, refused = lost+1, err
		default:
			odd = err
		}
	}
	p.written += won
	const what = "of 8 writers at once, one gets the name"
	switch detail := fmt.Sprintf("%d accepted, %d refused", won, lost); {
	case won > 1:
		p.add(Race, what, No, nil, detail)
	case won == 1 && lost == writers-1:
		p.add(Race, what, Yes, refused, detail)
	default:
		p.add(Race, what, Unknown, odd, detail)
	}
}

// bytes sends bytes that are not what the request says.
func (p *prober) bytes(ctx context.Context) {
	body, other := []byte("mbaudit probe bytes\n"), sha256.Sum256([]byte("other bytes"))
	try := func(check, what, name string, opts minio.PutObjectOptions, signed [sha256.Size]byte) {
		if !p.mayWriteUnlocked() { // it would stay: let it expire soon
			opts.Mode, opts.RetainUntilDate = minio.Compliance, p.until
		}
		_, err := p.send(ctx, p.dir+"/"+name, body, opts, signed)
		switch s := status(err); {
		case err == nil:
			p.add(check, what, No, nil, "the object was accepted")
		case s == http.StatusBadRequest || s == http.StatusForbidden && minio.ToErrorResponse(err).Code != minio.AccessDenied:
			p.add(check, what, Yes, err, "")
		default:
			p.add(check, what, Unknown, err, "")
		}
	}
	try(SignedHash, "bytes other than the signed hash are refused", "signed", plainPut(body), other)
	wrong := plainPut(body)
	wrong.UserMetadata["x-amz-checksum-sha256"] = checksum(other)
	try(WrongChecksum, "bytes other than the checksum are refused", "checksum", wrong, sha256.Sum256(body))
}

// told compares what the service tells of an object with what was sent.
func (p *prober) told(ctx context.Context, o object) {
	const sum, lock = "a HEAD tells the SHA-256", "the compliance lock is stored as asked"
	info, err := p.head(ctx, o)
	if err != nil {
		p.add(TellsChecksum, sum, Unknown, err, "")
		a := Unknown
		if !o.locked {
			a = No
		}
		p.add(LockStored, lock, a, err, "")
		return
	}
	p.result.Server = cut(info.Headers.Get("Server"), 80)
	switch have := info.ChecksumSHA256; {
	case have == checksum(sha256.Sum256(o.body)):
		p.add(TellsChecksum, sum, Yes, nil, "")
	case have == "":
		p.add(TellsChecksum, sum, No, nil, "it tells none: objects are read back to be compared")
	default:
		p.add(TellsChecksum, sum, No, nil, "it tells another: "+cut(have, 60))
	}
	if !o.locked {
		p.add(LockStored, lock, No, nil, "the bucket takes no locks")
		return
	}
	want := p.until.Add(-p.cfg.Retention / 4).Truncate(time.Second)
	have, _ := p.lock(ctx, o)
	switch {
	case have.Mode == "" && p.store.Bucket().Locks == s3.Unknown:
		p.add(LockStored, lock, Unknown, nil, "it tells none, or the key may not see it (s3:GetObjectRetention)")
	case have.Mode == "":
		p.add(LockStored, lock, No, nil, "the lock was accepted, and a HEAD tells none")
	case have.Mode != store.Compliance || !have.Until.Equal(want):
		p.add(LockStored, lock, No, nil, fmt.Sprintf("asked until %s, stored %.20s until %s", want.Format(time.TimeOnly),
			have.Mode, have.Until.Format(time.TimeOnly)))
	default:
		p.add(LockStored, lock, Yes, nil, "")
	}
}

// marker deletes an object without naming a version. Taking back the delete marker shows that the key may delete
// versions: no lock protects a marker.
func (p *prober) marker(ctx context.Context) {
	const what = "a plain DELETE only hides, and is shown"
	o, err := p.lockedObject(ctx, "marker")
	if err == nil {
		err = p.core.RemoveObject(ctx, p.bucket, o.key, minio.RemoveObjectOptions{})
	}
	if err != nil {
		p.add(MarkerShown, what, Unknown, err, "")
		return
	}
	marker, real := "", false
	for info := range p.core.ListObjectsIter(ctx, p.bucket, minio.ListObjectsOptions{Prefix: o.key, WithVersions: true, Recursive: true}) {
		switch {
		case info.Err != nil:
			err = info.Err
		case info.Key != o.key:
		case info.IsDeleteMarker:
			marker = info.VersionID
		default:
			real = true
		}
	}
	_, gone := p.head(ctx, o)
	switch {
	case err != nil:
		p.add(MarkerShown, what, Unknown, err, "")
	case !real && status(gone) == http.StatusNotFound:
		p.add(MarkerShown, what, No, gone, "the object is gone")
		p.mayDelete = true
	case marker == "":
		p.add(MarkerShown, what, No, nil, "the DELETE was accepted, and no delete marker is listed")
	default:
		p.add(MarkerShown, what, Yes, nil, "")
		p.mayDelete = p.remove(ctx, object{key: o.key, version: marker}, false) == nil
	}
}

func (p *prober) remove(ctx context.Context, o object, bypass bool) error {
	return p.core.RemoveObject(ctx, p.bucket, o.key, minio.RemoveObjectOptions{VersionID: o.version, GovernanceBypass: bypass})
}

// deletion attacks the locked version.
func (p *prober) deletion(ctx context.Context, o object) {
	p.attack(ctx, DeleteRefused, "the lock refuses deletion of the version", o, false, p.mayDelete)
	if governed, err := p.put(ctx, "governed", minio.Governance); err == nil {
		p.mayBypass = p.remove(ctx, governed, true) == nil
	}
	p.attack(ctx, BypassRefused, "also to who may bypass governance locks", o, true, p.mayDelete && p.mayBypass)
}

// attack tries to delete a version, and looks whether it is still there.
func (p *prober) attack(ctx context.Context, check, what string, o object, bypass, shown bool) {
	if o.version == "" && !p.mayWriteUnlocked() {
		p.add(check, what, Unknown, nil, "the service named no version")
		return
	}
	err := p.remove(ctx, o, bypass)
	_, gone := p.head(ctx, o)
	lost := status(gone) == http.StatusNotFound
	switch {
	case lost:
		p.add(check, what, No, err, "the object is gone")
	case err == nil && gone == nil:
		p.add(check, what, Unknown, nil, "the service said that it deleted, and still has it")
	case err == nil:
		p.add(check, what, No, nil, "the deletion was accepted")
	case byLock(err, shown):
		p.add(check, what, Yes, err, "")
	default:
		p.add(check, what, Unknown, err, "")
	}
}

// retention changes the lock of o: longer, shorter, weaker. That the longer one is accepted shows that the key may
// change retention at all.
func (p *prober) retention(ctx context.Context, o object) {
	const extend, shorten, weaken = "the lock can be extended", "shortening the lock is refused", "making it a governance lock is refused"
	if !o.locked {
		p.add(Extend, extend, No, nil, "there is no lock")
		p.add(ShortenRefused, shorten, No, nil, "there is no lock")
		p.add(WeakenRefused, weaken, No, nil, "there is no lock")
		return
	}
	err := p.retain(ctx, o, minio.Compliance, p.until)
	have, looked := p.lock(ctx, o)
	switch {
	case err == nil && looked == nil && have.Until.Equal(p.until):
		p.mayRetain = true
		p.add(Extend, extend, Yes, nil, "")
	case err == nil && looked == nil:
		p.add(Extend, extend, No, nil, "it was accepted, and the lock is as before")
	case err == nil:
		p.mayRetain = true
		p.add(Extend, extend, Unknown, looked, "it was accepted, and the key may not look")
	case status(err) == http.StatusNotImplemented:
		p.add(Extend, extend, No, err, "")
	default:
		p.add(Extend, extend, Unknown, err, "")
	}
	intact := func(now store.Lock) bool {
		return now.Mode == store.Compliance && !now.Until.Before(have.Until)
	}
	p.loosen(ctx, ShortenRefused, shorten, o, minio.Compliance, p.until.Add(-p.cfg.Retention/4), intact)
	p.loosen(ctx, WeakenRefused, weaken, o, minio.Governance, p.until, intact)
}

func (p *prober) retain(ctx context.Context, o object, mode minio.RetentionMode, until time.Time) error {
	return p.core.PutObjectRetention(ctx, p.bucket, o.key, minio.PutObjectRetentionOptions{Mode: &mode,
		RetainUntilDate: &until, VersionID: o.version, GovernanceBypass: p.mayBypass && mode == minio.Governance})
}

// loosen tries to make a lock weaker and looks at it afterwards.
func (p *prober) loosen(ctx context.Context, check, what string, o object, mode minio.RetentionMode, until time.Time, intact func(store.Lock) bool) {
	err := p.retain(ctx, o, mode, until)
	now, looked := p.lock(ctx, o)
	switch {
	case looked == nil && now.Mode != "" && !intact(now):
		p.add(check, what, No, err, fmt.Sprintf("the lock is now %.20s until %s", now.Mode, now.Until.Format(time.TimeOnly)))
	case err == nil && looked == nil && now.Mode != "":
		p.add(check, what, Yes, nil, "the service said yes, and left the lock as it was")
	case err == nil:
		p.add(check, what, No, nil, "it was accepted")
	case byLock(err, p.mayRetain):
		p.add(check, what, Yes, err, "")
	default:
		p.add(check, what, Unknown, err, "")
	}
}

// hold puts a legal hold on an object that nothing else protects.
func (p *prober) hold(ctx context.Context) {
	const what = "a legal hold refuses deletion until lifted"
	if !p.mayWriteUnlocked() {
		p.add(Hold, what, Unknown, nil, "it takes an object without a lock, which this bucket's default may lock for long")
		return
	}
	o, err := p.put(ctx, "held", "")
	if err == nil {
		err = p.setHold(ctx, o, true)
	}
	if err != nil {
		a := Unknown
		if p.store.Bucket().Locks == s3.No && !denied(err) {
			a = No
		}
		p.add(Hold, what, a, err, "")
		return
	}
	refusal := p.remove(ctx, o, p.mayBypass)
	_, gone := p.head(ctx, o)
	lift := p.setHold(ctx, o, false)
	removed := p.remove(ctx, o, false)
	switch {
	case status(gone) == http.StatusNotFound || refusal == nil:
		p.add(Hold, what, No, refusal, "the object is gone")
	case !byLock(refusal, p.mayDelete):
		p.add(Hold, what, Unknown, refusal, "")
	case lift != nil:
		p.add(Hold, what, Unknown, lift, "it refuses, and could not be lifted")
	case removed != nil:
		p.add(Hold, what, Unknown, removed, "it refuses, also when it is lifted")
	default:
		p.add(Hold, what, Yes, refusal, "")
	}
}

func (p *prober) setHold(ctx context.Context, o object, on bool) error {
	held := minio.LegalHoldDisabled
	if on {
		held = minio.LegalHoldEnabled
	}
	return p.core.PutObjectLegalHold(ctx, p.bucket, o.key, minio.PutObjectLegalHoldOptions{Status: &held, VersionID: o.version})
}

// A wait is a pair of objects under one lock, one of them also under a legal hold.
type wait struct {
	held, free object
	err        error
}

// startWaiting writes the pair early, so that most of its lock passes during the other checks.
func (p *prober) startWaiting(ctx context.Context) *wait {
	if !p.cfg.Thorough || p.store.Bucket().Locks == s3.No {
		return nil
	}
	w := new(wait)
	if w.free, w.err = p.put(ctx, "expiring", minio.Compliance); w.err != nil {
		return w
	}
	if w.held, w.err = p.put(ctx, "expiring-held", minio.Compliance); w.err != nil {
		return w
	}
	w.err = p.setHold(ctx, w.held, true)
	return w
}

// finishWaiting waits until the lock has expired by the service's clock. The object without a hold can then be deleted,
// which shows that it has; the other one must not be.
func (p *prober) finishWaiting(ctx context.Context, w *wait) {
	const what = "a legal hold outlasts the retention"
	if w == nil {
		return
	}
	if w.err != nil {
		p.add(HoldOutlasts, what, Unknown, w.err, "")
		return
	}
	expired := p.until.Add(-p.cfg.Retention / 4).Add(-p.offset)
	timer := time.NewTimer(expired.Add(2 * time.Second).Sub(p.cfg.Now()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return
	}
	free := p.remove(ctx, w.free, false)
	held := p.remove(ctx, w.held, false)
	_, gone := p.head(ctx, w.held)
	switch {
	case status(gone) == http.StatusNotFound:
		p.add(HoldOutlasts, what, No, held, "the object under hold was deleted once its retention was over")
	case free != nil:
		p.add(HoldOutlasts, what, Unknown, free, "an object without a hold could not be deleted either")
	case held == nil:
		p.add(HoldOutlasts, what, No, nil, "the deletion was accepted")
	case byLock(held, true):
		p.add(HoldOutlasts, what, Yes, held, "")
	default:
		p.add(HoldOutlasts, what, Unknown, held, "")
	}
}

// defaultRetention looks whether an object without a lock of its own gets the bucket's.
func (p *prober) defaultRetention(ctx context.Context) {
	const what = "the bucket's default lock is put on objects"
	if p.result.DefaultMode == "" {
		return
	}
	if !p.cfg.TryDefault {
		p.add(DefaultStamped, what, Unknown, nil, "not tried: that object would stay for as long as the bucket says (--try-default)")
		return
	}
	o, err := p.put(ctx, "default", "")
	if err != nil {
		p.add(DefaultStamped, what, Unknown, err, "")
		return
	}
	have, err := p.lock(ctx, o)
	switch {
	case err != nil:
		p.add(DefaultStamped, what, Unknown, err, "")
	case have.Mode == "":
		p.add(DefaultStamped, what, No, nil, "a HEAD tells no lock")
	default:
		p.add(DefaultStamped, what, Yes, nil, fmt.Sprintf("%.20s until %s", have.Mode, have.Until.Format(time.DateOnly)))
	}
}
