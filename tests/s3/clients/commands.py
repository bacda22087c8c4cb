"""Runs command-line clients for the scripts of this folder."""

import re
import subprocess


class Failed(Exception):
    """A command that ended with an error; `reasons`: what its text says of the cause, without addresses and ids."""

    def __init__(self, done, reasons):
        text = done.stderr.decode()
        super().__init__(text)
        self.code = done.returncode
        self.reasons = sorted(set(re.findall(reasons, text)))


def run(words, reasons, environment=None):
    """The standard output of a command. `reasons`: a pattern of the words that name an error."""
    done = subprocess.run(words, capture_output=True, check=False, env=environment)
    if done.returncode:
        raise Failed(done, reasons)
    return done.stdout


def describe(error):
    return [error.code, error.reasons] if isinstance(error, Failed) else type(error).__name__
