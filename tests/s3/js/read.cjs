// The AWS SDK for JavaScript, version 3: see ../clients/report.py for the steps and the report.
const { createHash } = require("node:crypto");
const http = require("node:http");
const {
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsCommand,
  paginateListObjectsV2,
  S3Client,
} = require("@aws-sdk/client-s3");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");

const [bucket, flag] = process.argv.slice(2);
// ADDRESSING_STYLE=virtual: the bucket is a part of the host's name. Every name is this machine, as by a line in /etc/hosts.
const forcePathStyle = process.env.ADDRESSING_STYLE !== "virtual";
const lookup = (name, { all }, done) => (all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4));
const httpAgent = new http.Agent({ keepAlive: true, lookup });
const client = new S3Client({
  endpoint: process.env.AWS_ENDPOINT_URL,
  region: process.env.AWS_REGION,
  forcePathStyle,
  requestHandler: { httpAgent },
});
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
  const url = await getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key }));
  const answer = await new Promise((done, failed) => http.get(url, { agent: httpAgent }, done).on("error", failed));
  if (answer.statusCode !== 200) {
    answer.destroy(); // the process would wait for the rest
    throw new Error(`status ${answer.statusCode}`);
  }
  const pieces = [];
  for await (const piece of answer) pieces.push(piece);
  return [answer.headers["content-type"], digest(Buffer.concat(pieces))];
}

async function inPages() {
  const found = [];
  for await (const page of paginateListObjectsV2({ client, pageSize: 10 }, { Bucket: bucket })) found.push(page.Contents);
  return found;
}

async function ask(command) {
  const { $metadata, ...answer } = await client.send(command);
  return answer;
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
  await step("asked", "list in pages", inPages);
  await step("asked", "list of folders, version 1", () => ask(new ListObjectsCommand({ Bucket: bucket, Delimiter: "/" })));
  await step("asked", "head of the bucket", () => ask(new HeadBucketCommand({ Bucket: bucket })).then(() => true));
  await step("asked", "buckets", async () => (await ask(new ListBucketsCommand({}))).Buckets);
  await step("asked", "tags", () => ask(new GetObjectTaggingCommand({ Bucket: bucket, Key: small })));
  await step("asked", "IfMatch of another", () => get(small, { IfMatch: '"another"' }));
  await step("asked", "past the end", () => get(small, { Range: "bytes=12-" }));
  await step("asked", "missing key", () => get("no/such key"));
  await step("asked", "head of a missing key", () => head("no/such key"));
  await step("asked", "missing bucket", () => get(small, {}, "no-such-bucket"));
  console.log(JSON.stringify(steps));
}

main();
