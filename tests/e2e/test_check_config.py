"""`cachey --check-config`: the faults of options, files and paths, without a start and without a change."""

import os
import subprocess

import pytest

from harness import BINARY
from start_up import run

TOKEN = "token-of-16-bytes-1\n"


def check(*arguments, **named):
    return run("--check-config", "--listen", "127.0.0.1", "--port", "0", *arguments, **named)


def tree(path):
    return {str(name): (name.stat().st_mtime_ns, name.stat().st_mode, name.stat().st_size) for name in path.rglob("*")}


def test_a_good_configuration_is_0_and_nothing_changes(tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN)
    tokens.chmod(0o600)
    before = tree(tmp_path)
    done = check("--origin", f"dir:{tmp_path}", "--auth-tokens", str(tokens), "--tls-self", "--access-log", str(tmp_path / "log"),
                 "--disk-path", str(tmp_path / "disk" / "below"), "--disk-capacity", "64MiB")
    assert (done.returncode, done.stderr) == (0, "") and "no fault" in done.stdout
    assert tree(tmp_path) == before


def test_a_running_server_does_not_matter(disk_server, disk_path):
    server = disk_server()
    done = run("--check-config", "--s3-anonymous", "--listen", "127.0.0.1", "--port", str(server.port), "--disk-path", str(disk_path),
               environment={"AWS_REGION": "eu-central-1"})
    assert (done.returncode, done.stderr) == (0, "")
    assert server.get("/readyz").status == 200


def test_all_faults_are_told_at_once_a_line_each(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "keys").write_text("short\n")
    faulty = ["--origin", f"dir:{tmp_path}/none", "--auth-tokens", f"{tmp_path}/tokens", "--tls-cert", f"{tmp_path}/cert", "--tls-key",
              f"{tmp_path}/key", "--s3api-listen", "127.0.0.1:0", "--s3api-keys", f"{tmp_path}/keys", "--access-log", f"{tmp_path}/no/log",
              "--disk-path", f"{tmp_path}/file"]
    done = check(*faulty)
    started = run("--listen", "127.0.0.1", "--port", "0", *faulty)
    for ended in (done, started):  # a start tells the same
        assert ended.returncode == 2 and ended.stdout == ""
        lines = [line for line in ended.stderr.splitlines() if line.startswith("cachey: ")]
        assert len(lines) == 6, ended.stderr
        for word in ("/none", "/tokens", "/cert", "/keys", "/no/log", "/file"):
            assert any(word in line for line in lines), word


def test_faults_of_options_come_first(tmp_path):
    done = check("--memory", "lots", "--auth-tokens", f"{tmp_path}/none")
    assert done.returncode == 2 and "--memory" in done.stderr and done.stdout == ""


def test_warnings_are_told(tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN)
    tokens.chmod(0o644)
    done = check("--origin", f"dir:{tmp_path}", "--auth-tokens", str(tokens), "--listen", "0.0.0.0", environment={"CACHEY_MEMROY": "1GiB"})
    assert done.returncode == 0
    assert "others than the owner" in done.stderr and "CACHEY_MEMROY" in done.stderr


def test_secrets_are_not_shown(tmp_path):
    for name, text in (("tokens", "s3cr3t\n"), ("keys", "s3cr3t s3cr3t-s3cr3t nonsense=s3cr3t\n")):
        (tmp_path / name).write_text(text)
    done = check("--origin", f"dir:{tmp_path}", "--auth-tokens", f"{tmp_path}/tokens", "--s3api-listen", "127.0.0.1:0", "--s3api-keys",
                 f"{tmp_path}/keys")
    assert done.returncode == 2 and "s3cr3t" not in done.stdout + done.stderr


@pytest.mark.parametrize("arguments,word", [(["--disk-kind", "block", "--disk-path", "{path}/none"], "no such device"),
                                            (["--disk-kind", "block", "--disk-path", "{path}"], "neither a block device"),
                                            (["--disk-path", "{path}/d", "--disk-capacity", "15TiB"], "cannot reserve 15TiB"),
                                            (["--disk-path", "{path}/e", "--disk-capacity", "15TiB"], "cannot reserve 15TiB"),
                                            (["--disk-path", "{path}/d", "--disk-capacity", "1MiB"], "at least 64MiB"),
                                            (["--disk-kind", "block", "--disk-path", "{path}/foreign"], "no cache of ours"),
                                            (["--access-log", "{path}"], "Is a directory")])
def test_a_fault_of_a_path(tmp_path, arguments, word):
    (tmp_path / "d").mkdir()
    (tmp_path / "foreign").write_bytes(b"x" * 4096)
    done = check("--origin", f"dir:{tmp_path}", *[argument.format(path=tmp_path) for argument in arguments])
    assert done.returncode == 2 and word in done.stderr, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_the_permissions_of_its_user_count(tmp_path):
    """A path that the user of the service may not write to."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and len(folder.parts) > 2:
            folder.chmod(0o755)
    (tmp_path / "disk").mkdir(mode=0o755)
    command = ["setpriv", "--reuid", "60118", "--regid", "60118", "--clear-groups", str(BINARY), "--check-config", "--origin", "dir:/",
               "--listen", "127.0.0.1", "--disk-path", str(tmp_path / "disk"), "--access-log", str(tmp_path / "log")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env={})
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("Permission denied") == 2, done.stderr


@pytest.mark.parametrize("required,code", [((), 0), (("--disk-required",), 1)])
def test_a_disk_that_hangs_is_told_in_time(faulty_disk, required, code):
    """A start serves without it, unless it is required."""
    faulty_disk.file.write_bytes(b"")
    faulty_disk.set("open hang")
    done = check("--origin", "dir:/", *faulty_disk.arguments, *required, environment=faulty_disk.environment, seconds=20)
    assert (done.returncode, "does not answer" in done.stderr) == (code, True), done.stderr


def test_a_start_with_a_fault_and_a_disk_that_hangs_ends(faulty_disk, tmp_path):
    faulty_disk.file.write_bytes(b"")
    faulty_disk.set("open hang")
    done = run("--listen", "127.0.0.1", "--port", "0", "--origin", f"dir:{tmp_path}/none", *faulty_disk.arguments,
               environment=faulty_disk.environment, seconds=20)
    assert done.returncode == 2 and "/none" in done.stderr, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize("required,code", [("", 0), ("--disk-required", 1)])
def test_a_read_only_file_system_is_a_failure_and_no_wrong_option(tmp_path, required, code):
    """The exit codes are those of a start: a service manager tries again after 1, not after 2."""
    (tmp_path / "disk").mkdir()
    command = (f"mount --make-rprivate / && mount --bind {tmp_path}/disk {tmp_path}/disk && mount -o remount,ro,bind {tmp_path}/disk && "
               f"exec {BINARY} --check-config --origin dir:/ --listen 127.0.0.1 --disk-path {tmp_path}/disk --disk-capacity 64MiB {required}")
    done = subprocess.run(["unshare", "-m", "sh", "-c", command], capture_output=True, text=True, timeout=30, check=False, env={})
    assert done.returncode == code and "Read-only file system" in done.stderr, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_access_log_may_be_a_link_to_a_file_that_is_absent(start_server, tmp_path):
    """Its user may write where the link leads, and not where the link is."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and len(folder.parts) > 2:
            folder.chmod(0o755)
    (tmp_path / "logs").mkdir()
    os.chown(tmp_path / "logs", 60118, 60118)
    (tmp_path / "link").symlink_to("logs/access.log")
    user = ["setpriv", "--reuid", "60118", "--regid", "60118", "--clear-groups"]
    command = [*user, str(BINARY), "--check-config", "--origin", "dir:/", "--listen", "127.0.0.1", "--access-log", str(tmp_path / "link")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env={})
    assert done.returncode == 0, done.stderr
    server = start_server("--origin", "dir:/", "--access-log", str(tmp_path / "link"), under=user)
    assert server.get("/readyz").status == 200
