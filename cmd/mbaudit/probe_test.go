package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence/store/probe"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// TestProbeForAcquisition shows what collect puts into acquisition.json, and what it says, about a store that will do and
// about one that will not.
func TestProbeForAcquisition(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	srv.MakeBucket(t, "open", false)
	env := map[string]string{"AWS_ENDPOINT_URL": srv.URL, "AWS_REGION": srv.Region, "AWS_ACCESS_KEY_ID": srv.AccessKey,
		"AWS_SECRET_ACCESS_KEY": srv.SecretKey, "AWS_CA_BUNDLE": srv.CAFile}
	for bucket, want := range map[string]struct {
		verdict probe.Verdict
		says    string
	}{
		"locked": {probe.WriteOnce, "This store keeps evidence write-once"},
		"open":   {probe.NotWriteOnce, "This store does not keep evidence"},
	} {
		var said bytes.Buffer
		world := &terminal{stderr: &said, getenv: func(name string) string { return env[name] }, now: time.Now, width: 80}
		raw, err := new(storeOptions).probeForAcquisition(t.Context(), world, nil, "s3://"+bucket+"/case")
		if err != nil {
			t.Fatal(err)
		}
		var result probe.Result
		if err := json.Unmarshal(raw, &result); err != nil || result.Verdict != want.verdict || len(result.Checks) < 10 {
			t.Errorf("%s: %q with %d checks, %v", bucket, result.Verdict, len(result.Checks), err)
		}
		if !strings.Contains(said.String(), want.says) {
			t.Errorf("%s: it said\n%s", bucket, &said)
		}
		if strings.Contains(string(raw)+said.String(), srv.SecretKey) {
			t.Errorf("%s: the secret key is shown", bucket)
		}
	}
	_, err := new(storeOptions).probeForAcquisition(t.Context(), &terminal{}, nil, "/mnt/usb")
	if err == nil || !strings.Contains(err.Error(), "only a store in S3 can be probed") {
		t.Errorf("a directory: got %v", err)
	}
}
