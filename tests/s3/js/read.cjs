// The AWS SDK for JavaScript, version 3: see ../clients/report.py for the steps and the report.
const { createHash } = require("node:crypto");
const { GetObjectCommand, HeadObjectCommand, S3Client } = require("@aws-sdk/client-s3");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");

const [bucket, flag] = process.argv.slice(2);
const client = new S3Client({ endpoint: process.env.AWS_ENDPOINT_URL, region: process.env.AWS_REGION, forcePathStyle: true });
const steps = { read: {}, asked: {} };
const [big, table, empty, small, odd] = ["big.bin", "table.parquet", "empty", "small.txt", "dir/a b+c%25/ü=1.txt"];

const digest = (bytes) => ({ bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") });

async function step(kind, name, run) {
  if (kind === "asked" && flag === "--store-is-down") return;
  try {
    steps[kind][name] = await run();
  } catch (error) {
    steps[kind][name] = { error: [error.name, error.$metadata?.httpStatusCode ?? null] };
    console.error(name, error);
  }
}

async function get(Key, more = {}, Bucket = bucket) {
  const { Body, $metadata, ...head } = await client.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return { status: $metadata.httpStatusCode, head, body: digest(await Body.transformToByteArray()) };
}

async function head(Key) {
  const { $metadata, ...found } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key }));
  return found;
}

async function presigned(Key) {
  const answer = await fetch(await getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key })));
  return [answer.status, answer.headers.get("content-type"), digest(new Uint8Array(await answer.arrayBuffer()))];
}

async function main() {
  for (const key of [big, table, empty, small, odd]) {
    await step("read", `get ${key}`, () => get(key));
    await step("read", `head ${key}`, () => head(key));
    await step("read", `presigned ${key}`, () => presigned(key));
  }
  await step("read", "range", () => get(big, { Range: "bytes=16777200-16777300" }));
  await step("read", "open range", () => get(big, { Range: "bytes=41943000-" }));
  await step("read", "suffix", () => get(big, { Range: "bytes=-77" }));
  await step("read", "IfMatch", async () => get(small, { IfMatch: (await head(small)).ETag }));
  await step("read", "override", () => get(small, { ResponseContentType: "application/x-test" }));
  await step("asked", "IfMatch of another", () => get(small, { IfMatch: '"another"' }));
  await step("asked", "past the end", () => get(small, { Range: "bytes=12-" }));
  await step("asked", "missing key", () => get("no/such key"));
  await step("asked", "head of a missing key", () => head("no/such key"));
  await step("asked", "missing bucket", () => get(small, {}, "no-such-bucket"));
  console.log(JSON.stringify(steps));
}

main();
