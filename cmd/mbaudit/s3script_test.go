package main

import (
	"context"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/rogpeppe/go-internal/testscript"
)

// s3Attack does to objects what someone with the keys of the bucket can do: s3 hide|replace|again BUCKET PATTERN.
// hide deletes without naming a version; replace puts other bytes on top, again the same bytes, both without a lock.
func s3Attack(client *minio.Client) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 3 {
			ts.Fatalf("usage: s3 hide|replace|again BUCKET PATTERN")
		}
		ctx, bucket, hit := context.Background(), args[1], 0
		for info := range client.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Recursive: true}) {
			ts.Check(info.Err)
			if match, err := path.Match(args[2], info.Key); err != nil || !match {
				ts.Check(err)
				continue
			}
			hit++
			switch args[0] {
			case "hide":
				ts.Check(client.RemoveObject(ctx, bucket, info.Key, minio.RemoveObjectOptions{}))
			case "replace":
				other := "not the evidence"
				_, err := client.PutObject(ctx, bucket, info.Key, strings.NewReader(other), int64(len(other)), minio.PutObjectOptions{})
				ts.Check(err)
			case "again":
				object, err := client.GetObject(ctx, bucket, info.Key, minio.GetObjectOptions{})
				ts.Check(err)
				_, err = client.PutObject(ctx, bucket, info.Key, object, info.Size, minio.PutObjectOptions{Checksum: minio.ChecksumSHA256})
				ts.Check(err)
			default:
				ts.Fatalf("s3 does not know %s", args[0])
			}
		}
		if hit == 0 {
			ts.Fatalf("nothing in %s matches %s", bucket, args[2])
		}
	}
}
