"""The files of deploy/haproxy: HAProxy takes them, the variants say the same as haproxy.cfg, and check_ids finds faults."""

import difflib
import shutil
import subprocess

import pytest
from balancer import SHIPPED
from fleet import ROOT

_SETS = [("haproxy.cfg",), ("haproxy.cfg", "s3.cfg"), ("haproxy-redirect.cfg",), ("haproxy-zones.cfg",)]
_CHECK = SHIPPED / "check_ids"


@pytest.mark.parametrize("files", _SETS, ids=" ".join)
def test_haproxy_takes_the_files_without_a_warning(files):
    words = [word for file in files for word in ("-f", SHIPPED / file)]
    done = subprocess.run(["haproxy", "-c", *words], text=True, capture_output=True)
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr


def lines(text):
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def differences(file):
    """The lines of haproxy.cfg that the variant lacks, and those that the variant has instead."""
    found = list(difflib.ndiff(lines((SHIPPED / "haproxy.cfg").read_text()), lines((SHIPPED / file).read_text())))
    return [line[2:] for line in found if line[0] == "-"], [line[2:] for line in found if line[0] == "+"]


def words(found):
    return [" ".join(line.split()[:2]) for line in found]


def test_the_variants_differ_from_the_central_form_in_these_lines_alone():
    servers = ["server n1", "server n2", "server n3"]
    lost, new = differences("haproxy-redirect.cfg")
    assert words(lost) == ["option splice-response", "option srvtcpka", "srvtcpka-idle 1s", "srvtcpka-intvl 1s", *servers]
    assert words(new) == servers and all(" redir http://" in line for line in new)
    lost, new = differences("haproxy-zones.cfg")
    assert lost == [] and words(new) == ["option allbackups", "server b1", "server b2", "server b3"]
    assert all(line.endswith(" backup") for line in new[1:])
    lost, new = differences("haproxy-tls.cfg")
    assert words(lost) == ["option splice-response", "bind 0.0.0.0:8080", "default-server check", *servers]
    assert words(new) == ["ssl-default-bind-options ssl-min-ver", "ssl-default-server-options ssl-min-ver",
                          "bind 0.0.0.0:8443", "default-server check", *servers]


def check_ids(*texts, folder):
    """(exit code, output) of check_ids for files with these texts."""
    paths = []
    for at, text in enumerate(texts):
        paths.append(folder / f"{at}.cfg")
        paths[-1].write_text(text)
    done = subprocess.run([_CHECK, *paths], text=True, capture_output=True)
    assert done.stderr == ""
    return done.returncode, done.stdout


def committed(file):
    """The file of the last commit, if this is a checkout that has one."""
    done = subprocess.run(["git", "-C", ROOT, "show", f"HEAD:deploy/haproxy/{file}"], text=True, capture_output=True)
    return [done.stdout] if done.returncode == 0 else []


@pytest.mark.parametrize("files", [*_SETS, ("haproxy-tls.cfg",)], ids=" ".join)
def test_the_ids_of_the_files_are_right_and_those_of_the_last_commit(files, tmp_path):
    now = "".join((SHIPPED / file).read_text() for file in files)
    old = [text for file in files for text in committed(file)]
    assert check_ids(now, *(["".join(old)] if len(old) == len(files) else []), folder=tmp_path) == (0, "")


def file(*servers, backend="nodes"):
    return f"backend {backend}\n" + "".join(f"    server {line}\n" for line in servers)


_OLD = file("n1 10.0.0.1:8080 id 101 tcp-ut 1500", "n2 10.0.0.2:8080 id 102")


@pytest.mark.parametrize("texts, faults", [
    ([_OLD], []),
    ([_OLD, _OLD], []),
    ([_OLD + file("n1 10.0.0.1:9000 id 101", backend="s3nodes"), _OLD], []),
    ([file("n1 10.0.0.9:8080 id 101", "n3 10.0.0.3:8080 id 103"), _OLD], []),  # a new address, one removed, one added
    ([file("n1 10.0.0.1:8080", "n2 10.0.0.2:8080 id 102")], ["n1 has no id"]),
    ([file("n1 10.0.0.1:8080 id 0")], ["n1 has no id"]),
    ([file("n1 10.0.0.1:8080 # id 101")], ["n1 has no id"]),
    ([file("n1 10.0.0.1:8080 id 101 # id 102")], []),
    ([_OLD + "  backend s3nodes\n    server n1 10.0.0.1:9000 id 101\n"], []),
    ([_OLD + "peers others\n    server proxy-1 10.0.0.8:10000\n"], []),
    (["", _OLD], ["no server lines"]),
    ([file("n1 10.0.0.1:8080 id 101", "n2 10.0.0.2:8080 id 101")], ["n2 has the id 101 of n1"]),
    ([_OLD + file("n1 10.0.0.1:9000 id 102", backend="s3nodes")], ["n1 has the id 102 here, 101 elsewhere"]),
    ([file("n1 10.0.0.1:8080 id 103", "n2 10.0.0.2:8080 id 102"), _OLD], ["n1 had the id 101, and has 103 now"]),
    ([file("n1 10.0.0.1:8080 id 101", "n3 10.0.0.3:8080 id 102"), _OLD], ["the id 102 was of n2, and is of n3 now"]),
    ([file("n2 10.0.0.2:8080 id 101", "n1 10.0.0.1:8080 id 102"), _OLD],
     ["n1 had the id 101, and has 102 now", "the id 101 was of n1, and is of n2 now",
      "n2 had the id 102, and has 101 now", "the id 102 was of n2, and is of n1 now"]),
    (["backend nodes\n    server-template n 3 nodes:8080\n"],
     ["the slots of server-template change places; write a line for each node", "no server lines"]),
    ([""], ["no server lines"]),
])
def test_check_ids(texts, faults, tmp_path):
    code, said = check_ids(*texts, folder=tmp_path)
    assert [line.split(": ")[-1] for line in said.splitlines()] == faults
    assert code == (1 if faults else 0)


def test_check_ids_says_the_place(tmp_path):
    code, said = check_ids(file("n1 10.0.0.1:8080"), folder=tmp_path)
    assert said == f"{tmp_path}/0.cfg:2: n1 has no id\n"


def test_check_ids_takes_a_file_twice_a_name_with_an_equals_sign_and_standard_input(tmp_path):
    (tmp_path / "is_new=.cfg").write_text(_OLD)
    for words in (["is_new=.cfg", "is_new=.cfg"], ["is_new=.cfg", "-"], ["-"]):
        done = subprocess.run([_CHECK, *words], cwd=tmp_path, text=True, capture_output=True, input=_OLD, timeout=30)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), words


@pytest.mark.parametrize("words", [["none"], [""], ["there", "none"], ["there", ""], [], ["there"] * 3])
def test_check_ids_says_which_file_is_not_there(words, tmp_path):
    (tmp_path / "there").write_text(_OLD)
    done = subprocess.run([_CHECK, *words], cwd=tmp_path, text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=30)
    assert (done.returncode, done.stdout) == (2, "") and ("cannot read" in done.stderr or "usage: " in done.stderr)


@pytest.mark.parametrize("script", ["check_ids", "rolling-restart"])
def test_the_scripts_are_of_a_plain_shell(script):
    subprocess.run(["dash", "-n", SHIPPED / script], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", SHIPPED / script], check=True)
