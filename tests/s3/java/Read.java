import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileRange;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.sync.ResponseTransformer;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.model.GetObjectRequest;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;
import software.amazon.awssdk.transfer.s3.S3TransferManager;

/** Reads with the AWS SDK for Java, version 2, its transfer manager, and Hadoop's S3A: see ../clients/report.py. */
public final class Read {
  private static final String BIG = "big.bin";
  private static final String SMALL = "small.txt";
  private static final String MISSING = "no/such key";
  private static final List<String> KEYS =
      List.of(BIG, "table.parquet", "empty", SMALL, "dir/a b+c%25/ü=1.txt");

  private final String bucket;
  private final boolean storeIsDown;
  private final URI endpoint = URI.create(System.getenv("AWS_ENDPOINT_URL"));
  private final String region = System.getenv("AWS_REGION");
  private final String id = System.getenv("AWS_ACCESS_KEY_ID");
  private final String secret = System.getenv("AWS_SECRET_ACCESS_KEY");
  private final Map<String, Map<String, String>> steps =
      Map.of("read", new LinkedHashMap<>(), "asked", new LinkedHashMap<>());

  private Read(String bucket, boolean storeIsDown) {
    this.bucket = bucket;
    this.storeIsDown = storeIsDown;
  }

  public static void main(String[] words) throws Exception {
    Read read = new Read(words[0], List.of(words).contains("--store-is-down"));
    read.withSdk();
    read.withTransferManager();
    read.withS3a();
    read.show();
    System.exit(0); // S3A's threads would keep the process for a while
  }

  private void read(String name, Callable<Object> run) {
    step("read", name, run);
  }

  /** A step that the store must answer. */
  private void ask(String name, Callable<Object> run) {
    if (!storeIsDown) {
      step("asked", name, run);
    }
  }

  private void step(String kind, String name, Callable<Object> run) {
    String result;
    try {
      result = String.valueOf(run.call());
    } catch (Throwable error) { // an error is a result
      System.err.println(name + ": " + error);
      Throwable cause = error instanceof CompletionException ? error.getCause() : error;
      result = "error: " + cause.getClass().getSimpleName()
          + (cause instanceof S3Exception s3 ? " " + s3.statusCode() + " " + s3.awsErrorDetails().errorCode() : "");
    }
    steps.get(kind).put(name, result);
  }

  private static String digest(InputStream from) throws Exception {
    MessageDigest sum = MessageDigest.getInstance("SHA-256");
    byte[] piece = new byte[1 << 16];
    long bytes = 0;
    for (int count = from.read(piece); count >= 0; count = from.read(piece)) {
      sum.update(piece, 0, count);
      bytes += count;
    }
    return bytes + " " + HexFormat.of().formatHex(sum.digest());
  }

  private StaticCredentialsProvider credentials() {
    return StaticCredentialsProvider.create(AwsBasicCredentials.create(id, secret));
  }

  private void withSdk() {
    S3Client client = S3Client.builder().endpointOverride(endpoint).forcePathStyle(true).region(Region.of(region))
        .credentialsProvider(credentials()).build();
    for (String key : KEYS) {
      read("get " + key, () -> get(client, GetObjectRequest.builder().key(key)));
      read("head " + key, () -> {
        var found = client.headObject(ask -> ask.bucket(bucket).key(key));
        return List.of(found.eTag(), found.contentLength(), found.lastModified(), found.contentType(), found.metadata());
      });
      read("presigned " + key, () -> presigned(key));
    }
    read("range", () -> get(client, GetObjectRequest.builder().key(BIG).range("bytes=16777200-16777300")));
    read("suffix", () -> get(client, GetObjectRequest.builder().key(BIG).range("bytes=-77")));
    ask("list in pages", () -> client.listObjectsV2Paginator(ask -> ask.bucket(bucket).maxKeys(10)).contents().stream()
        .map(one -> List.of(one.key(), one.eTag(), one.size(), one.lastModified())).toList());
    ask("list of folders, version 1", () -> {
      var found = client.listObjects(ask -> ask.bucket(bucket).delimiter("/"));
      return List.of(found.name(), found.commonPrefixes(), found.contents());
    });
    ask("head of the bucket", () -> client.headBucket(ask -> ask.bucket(bucket)).sdkHttpResponse().statusCode());
    ask("buckets", () -> client.listBuckets().buckets());
    ask("tags", () -> client.getObjectTagging(ask -> ask.bucket(bucket).key(SMALL)).tagSet());
    ask("IfMatch of another", () -> get(client, GetObjectRequest.builder().key(SMALL).ifMatch("\"another\"")));
    ask("missing key", () -> get(client, GetObjectRequest.builder().key(MISSING)));
    ask("head of a missing key", () -> client.headObject(ask -> ask.bucket(bucket).key(MISSING)));
  }

  private List<Object> get(S3Client client, GetObjectRequest.Builder request) throws Exception {
    try (var answer = client.getObject(request.bucket(bucket).build(), ResponseTransformer.toInputStream())) {
      String body = digest(answer);
      var head = answer.response();
      return List.of(head.eTag(), head.contentType(), String.valueOf(head.contentRange()), head.contentLength(),
          head.lastModified(), head.metadata(), body);
    }
  }

  private String presigned(String key) throws Exception {
    try (S3Presigner presigner = S3Presigner.builder().endpointOverride(endpoint).region(Region.of(region))
        .credentialsProvider(credentials())
        .serviceConfiguration(S3Configuration.builder().pathStyleAccessEnabled(true).build()).build()) {
      var signed = presigner.presignGetObject(ask -> ask.signatureDuration(Duration.ofMinutes(10))
          .getObjectRequest(object -> object.bucket(bucket).key(key)));
      var connection = (HttpURLConnection) signed.url().openConnection();
      try (InputStream body = connection.getInputStream()) {
        return connection.getResponseCode() + " " + digest(body);
      }
    }
  }

  /** In parallel: by part numbers. */
  private void withTransferManager() {
    ask("transfer manager, by parts", () -> {
      try (S3AsyncClient client = S3AsyncClient.builder().endpointOverride(endpoint).forcePathStyle(true)
              .region(Region.of(region)).credentialsProvider(credentials()).multipartEnabled(true).build();
          S3TransferManager manager = S3TransferManager.builder().s3Client(client).build()) {
        Path into = Path.of("downloaded");
        manager.downloadFile(ask -> ask.destination(into).getObjectRequest(object -> object.bucket(bucket).key(BIG)))
            .completionFuture().join();
        try (InputStream file = Files.newInputStream(into)) {
          return digest(file);
        }
      }
    });
  }

  private org.apache.hadoop.fs.Path path(String key) {
    return new org.apache.hadoop.fs.Path("s3a://" + bucket + "/" + key);
  }

  private FileSystem files() throws IOException {
    Configuration settings = new Configuration();
    settings.set("fs.s3a.endpoint", endpoint.toString());
    settings.set("fs.s3a.endpoint.region", region);
    settings.set("fs.s3a.path.style.access", "true");
    settings.set("fs.s3a.aws.credentials.provider", "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider");
    settings.set("fs.s3a.access.key", id);
    settings.set("fs.s3a.secret.key", secret);
    settings.set("fs.s3a.attempts.maximum", "2");
    settings.set("fs.s3a.retry.limit", "2");
    settings.set("fs.s3a.paging.maximum", "10");
    settings.set("hadoop.tmp.dir", Path.of("hadoop").toAbsolutePath().toString());
    return path("").getFileSystem(settings);
  }

  private void withS3a() throws IOException {
    FileSystem files = files();
    for (String key : KEYS) {
      read("S3A: cat " + key, () -> {
        try (FSDataInputStream file = files.open(path(key))) {
          return digest(file);
        }
      });
    }
    for (String key : KEYS) {
      read("S3A: status " + key, () -> describe(files.getFileStatus(path(key))));
    }
    read("S3A: seek", this::seek);
    read("S3A: vectored", () -> vectored(files));
    ask("S3A: ls", () -> describe(files.listStatus(path(""))));
    ask("S3A: ls of all levels", () -> {
      List<String> found = new ArrayList<>();
      for (var list = files.listFiles(path(""), true); list.hasNext();) {
        found.add(describe(list.next()));
      }
      return found;
    });
    ask("S3A: glob", () -> describe(files.globStatus(path("hive/*/*.parquet"))));
    ask("S3A: summary", () -> files.getContentSummary(path("many")).getLength());
    ask("S3A: exists", () -> List.of(files.exists(path("dir")), files.exists(path(MISSING))));
    ask("S3A: missing key", () -> files.open(path(MISSING)));
  }

  private String seek() throws Exception {
    try (FSDataInputStream file = files().open(path(BIG))) {
      byte[] piece = new byte[1000];
      file.readFully(33_554_000, piece);
      file.seek((40 << 20) - 5);
      return HexFormat.of().formatHex(piece) + " " + digest(file);
    }
  }

  private List<Object> vectored(FileSystem files) throws Exception {
    List<FileRange> ranges = List.of(FileRange.createFileRange(0, 100), FileRange.createFileRange(16_777_200, 101),
        FileRange.createFileRange(41_000_000, 2000));
    List<Object> found = new ArrayList<>();
    try (FSDataInputStream file = files.open(path(BIG))) {
      file.readVectored(ranges, ByteBuffer::allocate);
      for (FileRange range : ranges) {
        found.add(HexFormat.of().formatHex(range.getData().join().array(), 0, range.getLength()));
      }
    }
    return found;
  }

  private static String describe(FileStatus... found) {
    TreeSet<String> all = new TreeSet<>(); // of a folder no time is known
    for (FileStatus one : found) {
      all.add(one.getPath() + (one.isDirectory() ? " folder" : " " + one.getLen() + " " + one.getModificationTime()));
    }
    return all.toString();
  }

  private void show() {
    List<String> kinds = new ArrayList<>();
    steps.forEach((kind, results) -> {
      List<String> pairs = new ArrayList<>();
      results.forEach((name, result) -> pairs.add(quote(name) + ": " + quote(result)));
      kinds.add(quote(kind) + ": {" + String.join(",\n", pairs) + "}");
    });
    System.out.println("{" + String.join(",\n", kinds) + "}");
  }

  private static String quote(String text) {
    return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
  }
}
