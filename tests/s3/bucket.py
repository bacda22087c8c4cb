"""The bucket that every client's script reads (see clients/report.py)."""

from content import content

BUCKET = "client-data"
SMALL_BODY = b"Hello cache!"
ODD = "dir/a b+c%25/ü=1.txt"
_BIG_BYTES = 40 << 20
_PART_BYTES = 8 << 20
_MANY = 25


def fill(store, tables):
    """Puts the objects of the scripts into a store; `tables`: the Parquet files, as {key: bytes}."""
    store.add_bucket(BUCKET)
    store.put_in_parts(BUCKET, "big.bin", _BIG_BYTES, seed=1701, part_bytes=_PART_BYTES)
    put = store.client.put_object
    for key, table in tables.items():
        put(Bucket=BUCKET, Key=key, Body=table)
    put(Bucket=BUCKET, Key="empty", Body=b"")
    put(Bucket=BUCKET, Key="small.txt", Body=SMALL_BODY, ContentType="text/plain; charset=utf-8", CacheControl="max-age=7",
        ContentDisposition='attachment; filename="small.txt"', ContentLanguage="en",
        Metadata={"colour": "blue", "with-spaces": "a  b c", "empty": ""})
    put(Bucket=BUCKET, Key=ODD, Body=content(1702, 0, 5000))
    put(Bucket=BUCKET, Key="dir/plain.txt", Body=content(1703, 0, 300))
    for number in range(_MANY):
        put(Bucket=BUCKET, Key=f"many/{number:03}", Body=b"x" * number)
