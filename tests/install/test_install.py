"""cmake --install: every file is there, under any prefix; the man page and the completions know every option."""

import os
import pathlib
import re
import runpy
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER = pathlib.Path(os.environ.get("CACHEY_BIN", ROOT / "build" / "release" / "cachey"))
HELP = subprocess.run([SERVER, "--help"], check=True, text=True, capture_output=True).stdout
OPTIONS = sorted(set(re.findall(r"^  (?:-\w,)?(--[a-z0-9-]+)", HELP, re.M)))
DOCUMENTS = "share/doc/cachey"
PROGRAMS = ["bin/cachey", *(f"{DOCUMENTS}/examples/haproxy/{name}" for name in ("check_ids", "rolling-restart"))]
FILES = ["bin/cachey", "lib/systemd/system/cachey.service", "lib/sysusers.d/cachey.conf", "share/man/man1/cachey.1",
         "share/bash-completion/completions/cachey", "share/zsh/site-functions/_cachey",
         "share/fish/vendor_completions.d/cachey.fish",
         *(f"{DOCUMENTS}/{name}" for name in ("README.md", "CHANGELOG.md", "LICENSE", "docs/options.md")),
         *(f"{DOCUMENTS}/examples/{name}" for name in (
             "cachey.toml", "cachey.default", "cachey.logrotate", "block.conf.example", "grafana/cachey.json",
             "prometheus/alerts.yaml", "haproxy/haproxy.cfg", "nginx/s3-split.conf")), *PROGRAMS[1:]]


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    subprocess.run(["cmake", "--install", SERVER.parent, "--prefix", "/opt/cachey"], check=True, capture_output=True,
                   env={**os.environ, "DESTDIR": str(folder)})
    assert [path.name for path in folder.iterdir()] == ["opt"], "a file outside of the prefix"
    return folder / "opt" / "cachey"


def test_every_file_is_there(stage):
    assert [name for name in FILES if not (stage / name).stat().st_size] == []


def test_all_may_read_the_files_whatever_the_umask(tmp_path):
    subprocess.run(["sh", "-c", 'umask 077 && cmake --install "$1" --prefix "$2"', "sh", SERVER.parent, tmp_path / "usr"],
                   check=True, capture_output=True)
    for name in FILES:
        assert (tmp_path / "usr" / name).stat().st_mode & 0o777 == (0o755 if name in PROGRAMS else 0o644), name


def test_the_list_of_installed_files_is_complete(tmp_path):
    subprocess.run(["cmake", "--install", SERVER.parent, "--prefix", tmp_path], check=True, capture_output=True)
    listed = (SERVER.parent / "install_manifest.txt").read_text().split("\n")
    assert sorted(listed) == sorted(str(path) for path in tmp_path.rglob("*") if path.is_file())


def test_the_unit_has_the_path_of_the_server(stage):
    unit = (stage / "lib/systemd/system/cachey.service").read_text()
    assert "ExecStart=/opt/cachey/bin/cachey " in unit and "/usr/bin/cachey" not in unit


def test_the_example_lacks_only_a_kind(stage, tmp_path):
    example = (stage / DOCUMENTS / "examples" / "cachey.toml").read_text()
    config = tmp_path / "cachey.toml"
    for text, code in ((example, 2), (re.sub("^#kind", "kind", example, flags=re.M), 0),
                       (re.sub("^#(?=[a-z0-9-]+ = )", "", example, flags=re.M), 0)):
        config.write_text(text)
        done = subprocess.run([SERVER, "--config", config, "--print-config"], text=True, capture_output=True, check=False)
        assert done.returncode == code, done.stderr
        assert code == 0 or "needs --kind" in done.stderr


def test_the_man_page_has_every_option_and_section(stage):
    page = (stage / "share/man/man1/cachey.1").read_text().replace("\\-", "-").replace("\\fB", "").replace("\\fR", "")
    assert [name for name in OPTIONS if name not in page] == []
    for section in ("NAME", "OPTIONS", "FILES", "ENVIRONMENT", '"EXIT STATUS"', "SIGNALS"):
        assert f".SH {section}\n" in page, section


def bash_completes(script, *words):
    program = f'source "{script}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cachey; printf "%s\\n" "${{COMPREPLY[@]}}"'
    return subprocess.run(["bash", "-c", program, "bash", "cachey", *words], check=True, text=True,
                          capture_output=True).stdout.split()


def test_bash_completes_options_words_and_files(stage, tmp_path):
    script = stage / "share/bash-completion/completions/cachey"
    assert sorted(bash_completes(script, "--")) == OPTIONS
    assert bash_completes(script, "--log-level", "w") == ["warning"]
    assert bash_completes(script, "disk", "") == ["inspect", "verify"]
    assert bash_completes(script, "--port", "") == []
    (tmp_path / "tokens").touch()
    assert bash_completes(script, "--auth-tokens", f"{tmp_path}/t") == [f"{tmp_path}/tokens"]


def test_fish_completes_options_and_words(stage):
    def completes(line):
        done = subprocess.run(["fish", "--no-config", "-c", f"source '{stage}/share/fish/vendor_completions.d/cachey.fish'; "
                               f"complete -C '{line}'"], check=True, text=True, capture_output=True).stdout
        return sorted({found.split("\t")[0] for found in done.splitlines()})
    assert completes("cachey --") == OPTIONS
    assert completes("cachey --disk-kind ") == ["block", "fs"]


def test_zsh_takes_the_completion(stage):
    script = stage / "share/zsh/site-functions/_cachey"
    subprocess.run(["zsh", "-n", script], check=True)
    assert sorted(set(re.findall(r"^  '\*?(--[a-z0-9-]+)\[", script.read_text(), re.M))) == OPTIONS


def test_words_of_completions_are_words_of_the_help(stage):
    del stage
    for option, values in runpy.run_path(str(ROOT / "deploy/completion/generate"))["WORDS"].items():
        line = re.search(rf"^  {option} .*(?:\n {{20}}.*)?", HELP, re.M)[0]
        assert [value for value in values if value not in line] == [], option


def test_a_server_without_help2man_is_installed(stage, tmp_path):
    del stage
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "python3").symlink_to(sys.executable)
    done = subprocess.run([shutil.which("cmake"), "--install", SERVER.parent, "--prefix", tmp_path / "usr"], text=True,
                          capture_output=True, check=False, env={"PATH": str(tools)})
    assert done.returncode == 0 and "No man page" in done.stderr and (tmp_path / "usr/bin/cachey").exists(), done.stderr
