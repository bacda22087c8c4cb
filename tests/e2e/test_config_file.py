"""The config file: its values count unless the environment or the command line overrides them."""

import pytest

from harness import MIB
from start_up import expect_bad, run


def write(path, text):
    file = path / "cachey.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(file)


def print_config(*arguments, environment=None):
    """{key: (value, source)} as printed by --print-config, and the whole text."""
    done = run("--print-config", *arguments, environment=environment)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith("#")]
    said = {}
    for line in lines:
        key, _, rest = line.partition(" = ")
        value, _, source = rest.partition("  # from ")
        assert key not in said and source, line
        said[key] = (value, source)
    return said, done.stdout


EVERY_OPTION = {
    # option: (value on the command line, in the environment, in a file), two values for repeatable options
    "listen": (["::1", "127.0.0.1:81"], "::1,127.0.0.1:81", '["::1", "127.0.0.1:81"]'),
    "port": (["8080"], "8080", "8080"),
    "admin-listen": (["127.0.0.1:9000"], "127.0.0.1:9000", '["127.0.0.1:9000"]'),
    "ui": ([], "true", "true"),
    "trusted-proxies": (["10.0.0.0/8", "::1/128"], "10.0.0.0/8,::1", '["10.0.0.0/8", "::1/128"]'),
    "proxy-protocol": ([], "true", "true"),
    "threads": (["3"], "3", "3"),
    "max-connections": (["77"], "77", "77"),
    "header-timeout": (["1.5"], "1.5", "1.5"),
    "idle-timeout": (["2"], "2", "2"),
    "write-timeout": (["3"], "3", "3"),
    "drain-delay": (["2.5"], "2.5", "2.5"),
    "drain-timeout": (["4"], "4", "4"),
    "tls-cert": (["cert.pem"], "cert.pem", '"cert.pem"'),
    "tls-key": (["key.pem"], "key.pem", '"key.pem"'),
    "tls-self": ([], "true", "true"),
    "tls-client-ca": (["ca.pem"], "ca.pem", '"ca.pem"'),
    "admin-tls": (["false"], "false", "false"),
    "auth-tokens": (["tokens"], "tokens", '"tokens"'),
    "admin-tokens": (["admins"], "admins", '"admins"'),
    "client-misses": (["9"], "9", "9"),
    "client-bandwidth": (["100MiB"], "100MiB", '"100MiB"'),
    "allow-bucket": (["logs-*", "m?dia"], "logs-*,m?dia", '["logs-*", "m?dia"]'),
    "kind": (["media=eu,us", "logs=logs"], "media=eu,us;logs=logs", '["media=eu,us", "logs=logs"]'),
    "kinds": (["declared"], "declared", '"declared"'),
    "page-size": (["media=1MiB", "logs=64KiB"], "media=1MiB;logs=64KiB", '["media=1MiB", "logs=64KiB"]'),
    "s3api-listen": (["127.0.0.1:9100"], "127.0.0.1:9100", '["127.0.0.1:9100"]'),
    "s3api-open": ([], "true", "true"),
    "s3api-keys": (["keys"], "keys", '"keys"'),
    "s3api-external-host": (["s3.test:443", "old.test"], "s3.test:443,old.test", '["s3.test:443", "old.test"]'),
    "s3api-domain": (["s3.test", "localhost"], "s3.test,localhost", '["s3.test", "localhost"]'),
    "s3api-bucket": (["data=eu,us", "logs=old"], "data=eu,us;logs=old", '["data=eu,us", "logs=old"]'),
    "s3api-region": (["eu-central-1"], "eu-central-1", '"eu-central-1"'),
    "s3api-revalidate": (["logs*=never", "*=5"], "logs*=never;*=5", '["logs*=never", "*=5"]'),
    "s3api-stale-if-error": (["30"], "30", "30"),
    "s3api-plain": ([], "true", "true"),
    "memory": (["128MiB"], "128MiB", '"128MiB"'),
    "admission-timeout": (["0.25"], "0.25", "0.25"),
    "max-download-memory": (["32MiB"], "32MiB", '"32MiB"'),
    "pin": (["models/*", "data/a?"], "models/*,data/a?", '["models/*", "data/a?"]'),
    "pin-limit": (["10%"], "10%", '"10%"'),
    "disk-path": (["/var/cache/cachey"], "/var/cache/cachey", '"/var/cache/cachey"'),
    "disk-kind": (["block"], "block", '"block"'),
    "disk-capacity": (["10GiB"], "10GiB", '"10GiB"'),
    "iouring": (["false"], "false", "false"),
    "disk-bypass": (["false"], "false", "false"),
    "disk-wipe": ([], "true", "true"),
    "disk-required": ([], "true", "true"),
    "origin": (["dir:/srv"], "dir:/srv", '"dir:/srv"'),
    "s3-force-path-style": ([], "true", "true"),
    "s3-checksum-mode": (["off"], "off", '"off"'),
    "s3-first-byte-timeout": (["2.5"], "2.5", "2.5"),
    "s3-credentials-timeout": (["7.5"], "7.5", "7.5"),
    "client-limit-max": (["2.5"], "2.5", "2.5"),
    "fetch-any-range": ([], "true", "true"),
    "s3-anonymous": ([], "true", "true"),
    "split-after": (["2MiB"], "2MiB", '"2MiB"'),
    "hedge-quantile": (["0.5"], "0.5", "0.5"),
    "hedge-budget-percent": (["2.5"], "2.5", "2.5"),
    "buckets-per-page": (["3"], "3", "3"),
    "bucket-timeout-ms": (["2500"], "2500", "2500"),
    "download-timeout-ms": (["0"], "0", "0"),
    "origin-parts": (["4"], "4", "4"),
    "read-ahead": (["4"], "4", "4"),
    "bucket-requests": (["8"], "8", "8"),
    "bucket-bandwidth": (["50MiB"], "50MiB", '"50MiB"'),
    "negative-ttl": (["1.5"], "1.5", "1.5"),
    "log-level": (["debug"], "debug", '"debug"'),
    "log-format": (["json"], "json", '"json"'),
    "access-log": (["access.log"], "access.log", '"access.log"'),
    "access-log-probes": ([], "true", "true"),
}
FACE = {"s3api-listen": '["127.0.0.1:9100"]', "s3api-open": "true"}
ALONG = {**{name: {key: value for key, value in FACE.items() if key != name} for name in EVERY_OPTION if name.startswith("s3api-")}, "s3api-keys": {"s3api-listen": FACE["s3api-listen"]}, "s3api-external-host": {"s3api-listen": FACE["s3api-listen"], "s3api-keys": '"keys"'}, **{name: {"disk-path": '"/disk"'} for name in ("disk-kind", "disk-capacity", "disk-wipe", "disk-required")}, "admin-tokens": {"admin-listen": '["127.0.0.1:9000"]'}, "admin-tls": {"admin-listen": '["127.0.0.1:9000"]'}, "proxy-protocol": {"trusted-proxies": '["::1"]'}, "tls-cert": {"tls-key": '"key.pem"'}, "tls-key": {"tls-cert": '"cert.pem"'}, "tls-client-ca": {"tls-self": "true"}, "kinds": {"kind": '["a=b"]'}, "page-size": {"kind": '["media=eu", "logs=us"]'}}


def test_the_list_of_options_is_whole():
    said, _ = print_config()
    assert list(said) == list(EVERY_OPTION)
    assert {source for _, source in said.values()} == {"default"}


@pytest.mark.parametrize("name", EVERY_OPTION)
def test_every_option_from_every_source(tmp_path, name):
    on_line, in_environment, in_file = EVERY_OPTION[name]
    needed = "".join(f"{key} = {value}\n" for key, value in ALONG.get(name, {}).items())
    file = write(tmp_path, needed + f"{name} = {in_file}\n")
    needed_file = tmp_path / "needed.toml"
    needed_file.write_text(needed)
    flags = [f"--{name}={value}" for value in on_line] or [f"--{name}"]
    variable = "CACHEY_" + name.upper().replace("-", "_")
    for arguments, environment, source in [
            (["--config", file], {}, f"{file}:{needed.count(chr(10)) + 1}"),
            (["--config", str(needed_file)], {variable: in_environment}, variable),
            (["--config", str(needed_file), *flags], {}, "command line")]:
        said, _ = print_config(*arguments, environment=environment)
        assert said[name] == (in_file, source)


def test_the_command_line_wins_then_the_environment_then_the_file(tmp_path):
    file = write(tmp_path, 'port = 81\nthreads = 2\nidle-timeout = 9\nlisten = ["::1", "::2"]\n')
    environment = {"CACHEY_PORT": "82", "CACHEY_THREADS": "3", "CACHEY_CONFIG": file}
    said, _ = print_config("--port", "83", "--listen", "::3", environment=environment)
    assert said["port"] == ("83", "command line")
    assert said["threads"] == ("3", "CACHEY_THREADS")
    assert said["idle-timeout"] == ("9", f"{file}:3")
    assert said["listen"] == ('["::3"]', "command line")
    assert said["memory"] == ('"4GiB"', "default")


def test_what_is_printed_is_a_config_file_that_means_the_same(tmp_path):
    first, text = print_config("--tls-self", "--memory", "1.5GiB", "--allow-bucket", "a*", "--origin", 'dir:/a "b" \\ #c')
    second, _ = print_config("--config", write(tmp_path, text))
    assert {key: value for key, (value, _) in first.items()} == {key: value for key, (value, _) in second.items()}
    assert first["port"] == ("443", "default")


def test_a_server_runs_from_a_file_alone(start_server, directory, tmp_path):
    directory.put("bucket", "object", b"hello")
    file = write(tmp_path, f'origin = "dir:{directory.path}"\nmemory = {128 * MIB}\nmax-connections = 2\n')
    server = start_server("--config", file)
    assert server.fetch("bucket", "object", 0, 99).body == b"hello"
    directory.put("bucket", "large", bytes(4 * MIB))
    held = server.busy_connections("bucket", "large", 2)
    assert server.get("/healthz").status == 503
    for connection in held:
        connection.close()


@pytest.mark.parametrize("text,line,word", [
    ("memroy = 1\n", 1, "memory"), ("\nport = 80\nport = 81\n", 3, "port"), ("memory = 4GiB\n", 1, ""), ("port = 'http'\n", 1, "port"),
    ("\n[server]\nport = 80\n", 2, "server"), ("listen = '::1'\n", 1, "array"), ("# ü\nport = 80 # \xff\n".encode("latin-1"), 1, ""),
    ("port\n", 1, ""), ("log-level = 3\n", 1, "log-level"), ("config = 'x'\n", 1, "config"), ("threads = [1]\n", 1, "array"),
    ("print-config = true\n", 1, "print-config"), ('origin = "dir:/a\\nb"\n', 1, "control")], ids=range(13))
def test_a_fault_names_file_and_line(tmp_path, text, line, word):
    expect_bad(run("--config", write(tmp_path, text)), f"cachey.toml:{line}: ", word)


def test_a_file_is_bounded(tmp_path):
    expect_bad(run("--config", write(tmp_path, "#" * MIB + "\n")), "cachey.toml", "bytes")
    expect_bad(run("--config", str(tmp_path)), str(tmp_path))


def test_faults_of_all_sources_come_together(tmp_path):
    file = write(tmp_path, "port = 'http'\nmemroy = 1\n")
    done = run("--config", file, "--log-level", "loud", environment={"CACHEY_MEMORY": "lots"})
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 4
    for words in ((f"{file}:1", "port"), (f"{file}:2", "memory"), ("--log-level", "loud"), ("CACHEY_MEMORY", "lots")):
        assert any(all(word in line for word in words) for line in lines), words
