"""Compiles a seccomp profile of Docker's format, by libseccomp, into the program that bubblewrap loads."""

import contextlib
import errno
import tempfile

import seccomp


def arguments_of(rule):
    for test in rule.get("args", []):
        assert test["op"] == "SCMP_CMP_MASKED_EQ"
        yield seccomp.Arg(test["index"], seccomp.MASKED_EQ, test["value"], test["valueTwo"])


@contextlib.contextmanager
def compiled(profile):
    """An open file with the program."""
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO" and profile["defaultErrnoRet"] == errno.ENOSYS
    rules = seccomp.SyscallFilter(seccomp.ERRNO(profile["defaultErrnoRet"]))
    for rule in profile["syscalls"]:
        assert rule["action"] == "SCMP_ACT_ALLOW"
        for name in rule["names"]:
            with contextlib.suppress(RuntimeError):  # a call that this kernel's libseccomp does not know
                rules.add_rule(seccomp.ALLOW, name, *arguments_of(rule))
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        yield file
