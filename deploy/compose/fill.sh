#!/bin/sh
# Makes the bucket demo with two objects, by requests of S3. A second run writes the same objects again.
set -eu

s3() {
  curl -fsS --retry 5 --retry-connrefused --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
    --aws-sigv4 "aws:amz:$AWS_REGION:s3" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@"
}

folder=$(mktemp -d)
echo 'Hello from the cache.' >"$folder/hello.txt"
seq 1 5000000 >"$folder/numbers.txt" # 39 MB: three pages

s3 -o /dev/null --head "$AWS_ENDPOINT_URL_S3/demo" 2>/dev/null || s3 -X PUT "$AWS_ENDPOINT_URL_S3/demo"
for name in hello.txt numbers.txt; do
  s3 -T "$folder/$name" "$AWS_ENDPOINT_URL_S3/demo/$name"
done
rm -r "$folder"
echo 'The bucket demo has hello.txt and numbers.txt.'
