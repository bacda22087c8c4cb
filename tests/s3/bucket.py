"""The bucket that every client's script reads (see clients/report.py)."""

from content import content

BUCKET = "client-data"
SMALL_BODY = b"Hello cache!"
_BIG_BYTES = 40 << 20
_PART_BYTES = 8 << 20


def fill(store, table):
    """Puts the objects of the scripts into a store; `table`: the Parquet file's bytes."""
    store.add_bucket(BUCKET)
    store.put_in_parts(BUCKET, "big.bin", _BIG_BYTES, seed=1701, part_bytes=_PART_BYTES)
    put = store.client.put_object
    put(Bucket=BUCKET, Key="table.parquet", Body=table)
    put(Bucket=BUCKET, Key="empty", Body=b"")
    put(Bucket=BUCKET, Key="small.txt", Body=SMALL_BODY, ContentType="text/plain; charset=utf-8", CacheControl="max-age=7",
        ContentDisposition='attachment; filename="small.txt"', ContentLanguage="en",
        Metadata={"colour": "blue", "with-spaces": "a  b c", "empty": ""})
    put(Bucket=BUCKET, Key="dir/a b+c%25/ü=1.txt", Body=content(1702, 0, 5000))
