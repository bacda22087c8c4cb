"""Runs command-line clients for the scripts of this folder."""

import os
import re
import subprocess
import sys
import tempfile


class Failed(Exception):
    """A command that ended with an error; `reasons`: what its text says of the cause, without addresses and ids."""

    def __init__(self, code, said, reasons):
        text = said.decode()
        super().__init__(text)
        self.code = code
        self.reasons = sorted(set(re.findall(reasons, text)))


def run(words, reasons, environment=None):
    """The standard output of a command. `reasons`: a pattern of the words that name an error."""
    done = subprocess.run(words, capture_output=True, check=False, env=environment)
    if done.returncode:
        raise Failed(done.returncode, done.stderr, reasons)
    return done.stdout


def run_in_a_copy(function, reasons):
    """The same for a command of a program in Python that is imported already: `function` returns the exit code."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            _end_as(function, output, errors)
        _, status = os.waitpid(child, 0)
        for file in (output, errors):
            file.seek(0)
        if status:
            raise Failed(os.waitstatus_to_exitcode(status), errors.read(), reasons)
        return output.read()


def _end_as(function, output, errors):
    code = 255
    try:
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(errors.fileno(), sys.stderr.fileno())
        code = function()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def describe(error):
    return [error.code, error.reasons] if isinstance(error, Failed) else type(error).__name__
