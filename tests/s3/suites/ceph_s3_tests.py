#!/usr/bin/python3
"""Runs what reads of ceph/s3-tests, against the cache behind the split proxy, and compares with the lists beside this file.

    git clone https://github.com/ceph/s3-tests
    tests/s3/suites/ceph_s3_tests.py s3-tests                  # the tests of the lists; 5 minutes
    tests/s3/suites/ceph_s3_tests.py s3-tests --side store     # the store alone: what does it pass itself?
    tests/s3/suites/ceph_s3_tests.py s3-tests --names test_ranged_request_response_code

Needs radosgw, nginx and a built server (CACHEY_BIN). Exit 1: a test that must pass has not passed.
"""

import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree

import lists
import scene

_HERE = pathlib.Path(__file__).resolve().parent
_LISTS = _HERE / "ceph"
_TOOLS = _HERE.parents[2] / "build" / "tools"
_MODULE = "s3tests/functional/test_s3.py"

_ALT = ("ALTERNATEUSERKEY0001", "the-secret-of-the-suites-alternate-user0")
_TENANT = ("TENANTUSERSKEY000001", "the-secret-of-the-suites-tenants-user000")
_OTHERS = {"iam": ("IAMUSERSKEY000000001", "the-secret-of-the-suites-iam-user0000000"),
           "iam root": ("IAMROOTUSERSKEY00001", "the-secret-of-the-suites-iam-root-user00"),
           "iam alt root": ("IAMALTROOTUSERSKEY01", "the-secret-of-the-suites-alt-root-user00")}


def _python():
    """Python with the suite's packages, of the versions that ceph/requirements.txt fixes."""
    venv, wanted = _TOOLS / "ceph-s3-tests", _LISTS / "requirements.txt"
    installed = venv / "requirements.txt"
    if not installed.exists() or installed.read_text() != wanted.read_text():
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--clear", venv], check=True)
        subprocess.run([venv / "bin" / "pip", "install", "-q", "--disable-pip-version-check", "-r", wanted], check=True)
        installed.write_text(wanted.read_text())
    return venv / "bin" / "python"


def _section(name, user, keys, more=""):
    return (f"[{name}]\ndisplay_name = {user}\nuser_id = {user}\nemail = {user}@example.com\n"
            f"access_key = {keys[0]}\nsecret_key = {keys[1]}\n{more}\n")


def _configure(where):
    """Makes the suite's users and its configuration; returns the file."""
    for user, (access, secret) in {"alternate": _ALT, "tenanted": _TENANT}.items():
        where.admin("user", "create", f"--uid={user}", f"--display-name={user}", f"--email={user}@example.com",
                    f"--access-key={access}", f"--secret={secret}", *(["--tenant=suite"] if user == "tenanted" else []))
    where.admin("user", "modify", "--uid=tester", "--email=tester@example.com")
    settings = where.store.settings
    text = f"[DEFAULT]\nhost = 127.0.0.1\nport = {where.port}\nis_secure = False\nssl_verify = False\n\n"
    text += "[fixtures]\nbucket prefix = suite-{random}-\n\n"
    text += _section("s3 main", "tester", (settings["AWS_ACCESS_KEY_ID"], settings["AWS_SECRET_ACCESS_KEY"]),
                     "api_name = default\n")
    text += _section("s3 alt", "alternate", _ALT)
    text += _section("s3 tenant", "tenanted", _TENANT, "tenant = suite\n").replace("user_id = ", "user_id = suite$")
    text += "".join(_section(name, name.replace(" ", ""), keys) for name, keys in _OTHERS.items())
    file = where.folder / "s3tests.conf"
    file.write_text(text, encoding="utf-8")
    return file


def _results(report):
    """{name: passed} of pytest's report. A test whose clean-up failed has passed if the test itself has."""
    found = {}
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        if case.find("skipped") is None:
            found[case.get("name")] = found.get(case.get("name"), True) and case.find("failure") is None
    return found


def main():
    parser = lists.parser(__doc__)
    parser.add_argument("suite", type=pathlib.Path, metavar="FOLDER", help="a copy of ceph/s3-tests")
    options = parser.parse_args()
    python = _python()
    # The zone group's name, which radosgw calls a bucket's location.
    region = ["--s3api-region", "default"]
    with scene.scene(options.side, [_ALT, _TENANT], options.lists_too, region) as where:
        report = where.folder / "report.xml"
        environment = {"PATH": os.environ["PATH"], "HOME": str(where.folder), "LANG": "C.UTF-8",
                       "S3TEST_CONF": str(_configure(where))}
        subprocess.run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", "--no-header", "--tb=short",
                        f"--junitxml={report}", *(f"{_MODULE}::{name}" for name in lists.chosen(options, _LISTS))],
                       cwd=options.suite, env=environment, check=False)
        return lists.judge(options, _LISTS, _results(report))


if __name__ == "__main__":
    sys.exit(main())
