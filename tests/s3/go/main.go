// Reads with the AWS SDK for Go, version 2, and minio-go: see ../clients/report.py for the steps and the report.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/minio/minio-go/v7"
	miniokeys "github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	big   = "big.bin"
	small = "small.txt"
)

var (
	keys   = []string{big, "table.parquet", "empty", small, "dir/a b+c%25/ü=1.txt"}
	steps  = map[string]map[string]any{"read": {}, "asked": {}}
	ctx    = context.Background()
	bucket = os.Args[1]
	down   = len(os.Args) > 2 && os.Args[2] == "--store-is-down"
	// ADDRESSING_STYLE=virtual: the bucket is a part of the host's name.
	virtual = os.Getenv("ADDRESSING_STYLE") == "virtual"
)

// A client for which every name is this machine, as by a line in /etc/hosts.
var browser = &http.Client{Transport: &http.Transport{
	DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	},
}}

func browse(address string) (any, error) {
	answer, err := browser.Get(address)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", answer.StatusCode)
	}
	return digest(answer.Body)
}

func digest(from io.Reader) (any, error) {
	sum := sha256.New()
	count, err := io.Copy(sum, from)
	return map[string]any{"bytes": count, "sha256": hex.EncodeToString(sum.Sum(nil))}, err
}

func step(kind, name string, run func() (any, error)) {
	if kind == "asked" && down {
		return
	}
	result, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, name, err)
		result = map[string]any{"error": describe(err)}
	}
	steps[kind][name] = result
}

func describe(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	if code := minio.ToErrorResponse(err).Code; code != "" {
		return code
	}
	return err.Error()
}

func withSDK(client *s3.Client) {
	get := func(input s3.GetObjectInput) func() (any, error) {
		return func() (any, error) {
			if input.Bucket == nil {
				input.Bucket = &bucket
			}
			answer, err := client.GetObject(ctx, &input)
			if err != nil {
				return nil, err
			}
			body, err := digest(answer.Body)
			return []any{answer.ETag, answer.ContentType, answer.ContentRange, answer.ContentLength, answer.LastModified,
				answer.Metadata, body}, err
		}
	}
	for _, key := range keys {
		step("read", "get "+key, get(s3.GetObjectInput{Key: &key}))
		step("read", "head "+key, func() (any, error) {
			answer, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
			if err != nil {
				return nil, err
			}
			return []any{answer.ETag, answer.ContentType, answer.ContentLength, answer.LastModified, answer.Metadata}, nil
		})
		step("read", "presigned "+key, func() (any, error) {
			signed, err := s3.NewPresignClient(client).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
			if err != nil {
				return nil, err
			}
			return browse(signed.URL)
		})
	}
	step("read", "range", get(s3.GetObjectInput{Key: aws.String(big), Range: aws.String("bytes=16777200-16777300")}))
	step("read", "suffix", get(s3.GetObjectInput{Key: aws.String(big), Range: aws.String("bytes=-77")}))
	listWithSDK(client)
	step("asked", "transfer manager, by parts", func() (any, error) {
		file, err := os.CreateTemp(".", "parts")
		if err != nil {
			return nil, err
		}
		defer file.Close()
		_, err = transfermanager.New(client).DownloadObject(ctx, &transfermanager.DownloadObjectInput{
			Bucket: &bucket, Key: aws.String(big), WriterAt: file})
		if err != nil {
			return nil, err
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		return digest(file)
	})
	step("asked", "IfMatch of another", get(s3.GetObjectInput{Key: aws.String(small), IfMatch: aws.String(`"another"`)}))
	step("asked", "missing key", get(s3.GetObjectInput{Key: aws.String("no/such key")}))
	step("asked", "missing bucket", get(s3.GetObjectInput{Bucket: aws.String("no-such-bucket"), Key: aws.String(small)}))
}

func listWithSDK(client *s3.Client) {
	step("asked", "list in pages", func() (any, error) {
		pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket, MaxKeys: aws.Int32(10)})
		found := [][]any{}
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, one := range page.Contents {
				found = append(found, []any{one.Key, one.ETag, one.Size, one.LastModified})
			}
		}
		return found, nil
	})
	step("asked", "list of folders, version 1", func() (any, error) {
		found, err := client.ListObjects(ctx, &s3.ListObjectsInput{Bucket: &bucket, Delimiter: aws.String("/")})
		if err != nil {
			return nil, err
		}
		return []any{found.Name, found.CommonPrefixes, found.Contents}, nil
	})
	step("asked", "head of the bucket", func() (any, error) {
		_, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket})
		return err == nil, err
	})
	step("asked", "buckets", func() (any, error) {
		found, err := client.ListBuckets(ctx, &s3.ListBucketsInput{})
		if err != nil {
			return nil, err
		}
		return found.Buckets, nil
	})
}

// `oldClient` signs by version 2.
func withMinio(client, oldClient *minio.Client) {
	for _, key := range keys {
		step("read", "minio-go: get "+key, func() (any, error) {
			object, err := client.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
			if err != nil {
				return nil, err
			}
			return digest(object)
		})
		step("read", "minio-go: stat "+key, func() (any, error) {
			info, err := client.StatObject(ctx, bucket, key, minio.StatObjectOptions{})
			return []any{info.ETag, info.Size, info.LastModified, info.ContentType, info.UserMetadata}, err
		})
	}
	step("read", "minio-go: ReadAt", func() (any, error) {
		object, err := client.GetObject(ctx, bucket, big, minio.GetObjectOptions{})
		if err != nil {
			return nil, err
		}
		piece := make([]byte, 1000)
		_, err = object.ReadAt(piece, 33554000)
		return hex.EncodeToString(piece[:16]), err
	})
	for version, signer := range map[string]*minio.Client{"2": oldClient, "4": client} {
		step("read", "minio-go: presigned, version "+version, func() (any, error) {
			signed, err := signer.PresignedGetObject(ctx, bucket, keys[4], time.Hour, nil)
			if err != nil {
				return nil, err
			}
			return browse(signed.String())
		})
	}
	step("asked", "minio-go: list", func() (any, error) {
		found := [][]any{}
		for one := range client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true}) {
			if one.Err != nil {
				return nil, one.Err
			}
			found = append(found, []any{one.Key, one.ETag, one.Size, one.LastModified})
		}
		return found, nil
	})
	step("asked", "minio-go: missing key", func() (any, error) {
		return client.StatObject(ctx, bucket, "no/such key", minio.StatObjectOptions{})
	})
}

func main() {
	endpoint, id, secret := os.Getenv("AWS_ENDPOINT_URL"), os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
	withSDK(s3.New(s3.Options{
		BaseEndpoint: aws.String(endpoint),
		UsePathStyle: !virtual,
		HTTPClient:   browser,
		Region:       os.Getenv("AWS_REGION"),
		Credentials:  credentials.NewStaticCredentialsProvider(id, secret, ""),
	}))
	address, err := url.Parse(endpoint)
	if err != nil {
		panic(err)
	}
	clientWith := func(keys *miniokeys.Credentials) *minio.Client {
		client, err := minio.New(address.Host, &minio.Options{
			Creds:        keys,
			Region:       os.Getenv("AWS_REGION"),
			Secure:       address.Scheme == "https",
			Transport:    browser.Transport,
			BucketLookup: map[bool]minio.BucketLookupType{false: minio.BucketLookupPath, true: minio.BucketLookupDNS}[virtual],
		})
		if err != nil {
			panic(err)
		}
		return client
	}
	withMinio(clientWith(miniokeys.NewStaticV4(id, secret, "")), clientWith(miniokeys.NewStaticV2(id, secret, "")))
	if err := json.NewEncoder(os.Stdout).Encode(steps); err != nil {
		panic(err)
	}
}
