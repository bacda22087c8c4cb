"""Runs a command that the kernel refuses a call, as seccomp profiles of containers do: NUMBER PROGRAM ARGUMENT..."""

import ctypes
import os
import struct
import sys

PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
FAIL, ALLOW, EPERM = 0x00050000, 0x7FFF0000, 1


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


rules = b"".join(struct.pack("HBBI", *rule) for rule in [
    (LOAD, 0, 0, 0), (IF_EQUAL, 0, 1, int(sys.argv[1])), (RETURN, 0, 0, FAIL | EPERM), (RETURN, 0, 0, ALLOW)])
memory = ctypes.create_string_buffer(rules)
program = Program(len(rules) // 8, ctypes.addressof(memory))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program)) != 0:
    sys.exit("no seccomp: " + os.strerror(ctypes.get_errno()))
os.execv(sys.argv[2], sys.argv[2:])
