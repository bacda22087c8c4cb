"""The fenced blocks of all Markdown files of the project."""

import dataclasses
import pathlib
import re
import subprocess
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
_FENCED = re.compile(r"^( *)```([\w-]*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Block:
    file: str
    line: int
    language: str
    text: str
    chapter: str = ""
    """The heading of the second level that the block stands under."""

    def __str__(self):
        return f"{self.file}:{self.line} ({self.language or 'no language'})"


def listed_files(*patterns):
    """The project's files, those that are not committed yet included."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns], cwd=ROOT, text=True,
                            capture_output=True, check=True)
    return [name for name in listed.stdout.split("\n") if name and (ROOT / name).is_file()]


def blocks_of(file, text):
    for found in _FENCED.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        chapters = re.findall(r"^## (.*)$", text[:found.start()], re.MULTILINE)
        yield Block(file, line, found[2], textwrap.dedent(found[3]), chapters[-1] if chapters else "")


def blocks():
    return [block for name in listed_files("*.md") for block in blocks_of(name, (ROOT / name).read_text())]
