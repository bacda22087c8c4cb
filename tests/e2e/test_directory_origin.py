"""--origin dir:PATH: sub-directories are buckets, files are objects, no path leaves the directory."""

import email.utils
import os
import socket
import subprocess

import pytest

from cachey_server import base_environment
from content import content
from expect import expect_bytes, expect_error, fetch_from_memory
from harness import BINARY, MIB, PAGE, Task, limit
from origin_model import stored_object


def put(directory, bucket, key, size, seed=1):
    """Stores a file of content(seed); returns it as the server should describe it (any ETag is correct)."""
    file = directory.put_content(bucket, key, size, seed)
    return stored_object(size, seed, last_modified=int(file.stat().st_mtime))


def expect_file(response, stored, first, last, bucket):
    last = min(last, stored.size - 1)
    assert response.status == 206, response.body
    assert response.header("Content-Range") == f"bytes {first}-{last}/{stored.size}"
    assert response.header("C0-Status").split("; ")[1] == bucket
    expect_bytes(response, stored.seed, first, last)


@pytest.mark.parametrize("size", [1, 1000, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 5])
def test_bytes_of_every_size(directory_server, directory, size):
    stored = put(directory, "bucket", "dir/object", size)
    for first, last in [(0, 0), (0, size - 1), (size - 1, size + 99), (size // 2, size // 2), (max(0, size - PAGE - 2), size)]:
        response = directory_server.fetch("bucket", "dir/object", first, last)
        expect_file(response, stored, first, last, "bucket")
    modified = directory_server.fetch("bucket", "dir/object", 0, 0).header("Last-Modified")
    assert email.utils.parsedate_to_datetime(modified).timestamp() == stored.last_modified
    expect_error(directory_server.fetch("bucket", "dir/object", size, size), 416)


def test_an_empty_file_is_416(directory_server, directory):
    directory.put("bucket", "empty", b"")
    response = directory_server.fetch("bucket", "empty", 0, 9)
    expect_error(response, 416)
    assert response.header("Content-Range") == "bytes */0"


@pytest.mark.parametrize("key", ["none", "dir", "dir/none", "object/below", "dir/", "object/", "a//b", "x" * 300, "x" * 1024])
def test_what_is_not_a_file_is_404(directory_server, directory, key):
    put(directory, "bucket", "dir/object", 10)
    put(directory, "bucket", "object", 10)
    expect_error(directory_server.fetch("bucket", key, 0, 9), 404)


def test_a_bucket_that_is_not_there_is_404(directory_server, directory):
    directory.put("other", "object", b"x")
    directory.put(".", "file-at-the-top", b"x")
    for bucket in ("none", "file-at-the-top", ".", "..", "other/..", "other/../other", "/"):
        for key in ("object", "file-at-the-top", "other/object"):
            response = directory_server.fetch("kind", key, 0, 0, headers=[("C0-Bucket", bucket)])
            assert response.status in (400, 404), f"bucket {bucket!r} key {key!r}: {response.status}"


SECRET = b"not for clients"


@pytest.fixture
def walls(directory, tmp_path):
    """A directory with links that lead out of it, to a file that must not be read."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(SECRET)
    (directory.path.parent / "secret").write_bytes(SECRET)
    directory.put("bucket", "inside", b"for clients")
    bucket = directory.path / "bucket"
    (bucket / "file-link").symlink_to(outside / "secret")
    (bucket / "relative-link").symlink_to("../../outside/secret")
    (bucket / "directory-link").symlink_to(outside)
    (bucket / "up-link").symlink_to("..")
    (bucket / "link-to-link").symlink_to("file-link")
    (bucket / "loop").symlink_to("loop")
    (directory.path / "bucket-link").symlink_to(outside)
    (directory.path / "top-link").symlink_to(outside / "secret")
    return directory


@pytest.mark.parametrize("bucket,key", [
    ("bucket", "file-link"), ("bucket", "relative-link"), ("bucket", "directory-link/secret"), ("bucket", "link-to-link"),
    ("bucket", "up-link/bucket/file-link"), ("bucket", "up-link/bucket-link/secret"), ("bucket", "loop"), ("bucket-link", "secret"),
    ("bucket", "../../outside/secret"), ("bucket", "../bucket-link/secret"), ("bucket", "x/../../../outside/secret"),
    ("bucket", "../top-link"), ("bucket", "./../../secret"), ("bucket", "../../secret"), ("bucket", "/../../secret"),
    ("bucket", "directory-link/../secret"), ("..", "secret"), ("../outside", "secret"), (".", "top-link"),
], ids=lambda value: value)
def test_no_path_leads_out(directory_server, walls, bucket, key):
    response = directory_server.fetch("kind", key, 0, 99, headers=[("C0-Bucket", bucket)])
    assert response.status in (400, 403, 404), f"{response.status}: {response.body!r}"
    assert SECRET not in response.body
    assert directory_server.fetch("bucket", "inside", 0, 99).body == b"for clients"


def test_absolute_paths_do_not_lead_out(directory_server, directory):
    secret = directory.path.parent / "secret"
    secret.write_bytes(SECRET)
    directory.put("bucket", "inside", b"x")
    for key in (str(secret), "/" + str(secret), str(secret).lstrip("/"), "/etc/passwd", "//etc/passwd"):
        assert directory_server.fetch("bucket", key, 0, 99).status == 404


def test_special_files_are_not_opened(directory_server, directory):
    """Opening a FIFO would block; a socket cannot be read."""
    directory.put("bucket", "inside", b"for clients")
    os.mkfifo(directory.path / "bucket" / "fifo")
    listener = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(directory.path / "bucket")  # the path of a UNIX socket must be short
    try:
        listener.bind("socket")
    finally:
        os.chdir(here)
    for key in ("fifo", "socket"):
        expect_error(directory_server.fetch("bucket", key, 0, 9), 404)
    assert directory_server.fetch("bucket", "inside", 0, 99).body == b"for clients"
    listener.close()


def test_odd_names_are_files_like_any_other(directory_server, directory):
    for number, key in enumerate(["a b", "a+b", "100%", "a%2Fb", "ü/日", "quote\"s", "..hidden", "...", "a&b?c#d", "new\nline"]):
        stored = put(directory, "bucket", key, 100, seed=number)
        expect_file(directory_server.fetch("bucket", key, 0, 99), stored, 0, 99, "bucket")


def test_a_file_that_changed_is_another_version(directory_server, directory):
    old = put(directory, "bucket", "object", 3 * PAGE, seed=1)
    expect_file(directory_server.fetch("bucket", "object", 0, 9), old, 0, 9, "bucket")
    fetch_from_memory(directory_server, "bucket", "object", 0, 9)
    new = put(directory, "bucket", "object", 3 * PAGE, seed=2)
    mixed = directory_server.fetch("bucket", "object", 0, 2 * PAGE)
    assert mixed.status == 409 or not mixed.complete
    expect_file(directory_server.fetch("bucket", "object", 0, 3 * PAGE - 1), new, 0, 3 * PAGE - 1, "bucket")


def test_a_file_cut_short_is_never_whole(directory_server, directory):
    stored = put(directory, "bucket", "object", 2 * PAGE, seed=1)
    expect_file(directory_server.fetch("bucket", "object", 0, 9), stored, 0, 9, "bucket")
    fetch_from_memory(directory_server, "bucket", "object", 0, 9)
    os.truncate(directory.path / "bucket" / "object", PAGE + 100)
    response = directory_server.fetch("bucket", "object", 0, 2 * PAGE - 1)
    assert response.status == 409 or not response.complete
    again = directory_server.fetch("bucket", "object", 0, 2 * PAGE - 1)
    assert again.header("Content-Range") == f"bytes 0-{PAGE + 99}/{PAGE + 100}"
    expect_bytes(again, 1, 0, PAGE + 99)


def test_files_without_permission_are_not_a_crash(directory_server, directory):
    file = directory.put("bucket", "closed", b"x" * 100)
    file.chmod(0)
    assert directory_server.fetch("bucket", "closed", 0, 9).status in (206, 403, 404)  # root can read it anyway
    directory.put("bucket", "open", content(1, 0, 10))
    assert directory_server.fetch("bucket", "open", 0, 9).body == content(1, 0, 10)


def test_many_readers_of_one_file(directory_server, directory):
    stored = put(directory, "bucket", "object", 2 * PAGE)
    readers = [Task(directory_server.fetch, "bucket", "object", at * MIB, 2 * PAGE - 1) for at in range(20)]
    for at, reader in enumerate(readers):
        expect_file(reader.result(), stored, at * MIB, 2 * PAGE - 1, "bucket")


def test_a_server_without_its_directory_does_not_start(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "none", tmp_path / "file"):
        done = subprocess.run([str(BINARY), "--origin", f"dir:{path}", "--listen", "127.0.0.1", "--port", "0"],
                              capture_output=True, text=True, timeout=limit(10), env=base_environment(), check=False)
        assert done.returncode == 2 and str(path) in done.stderr
