#!/usr/bin/env python3
"""Finds words that make comments and documents hard to read; CONTRIBUTING.md, "Plain words", has the rules.

usage: plain_words.py [SOURCE_DIR]     exit 1, and one line per offence
       plain_words.py --self-test      shows that every barred word is found
"""
import ast
import io
import pathlib
import re
import sys
import tempfile
import tokenize

# Words barred anywhere, and words barred at the start of a clause. A "whose" right after its noun is plain.
BARRED = re.compile(r"\b(whoever|whomever|whom|who|so many|no more than)\b", re.IGNORECASE)
BARRED_STARTS = re.compile(r"(?:^|[.!?;] )(Where (?!to )|Not so |Who |[Ww]hose )")
# Exact texts that may contain barred words: quotations.
ALLOWED = (
    'no "who", "it", "they" or "the other"',
    '"Where a task ends without ever having waited,',
)

CXX_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"
      | "(?:\\.|[^"\\\n])*"
      | \b\d[\w'.]*
      | '(?:\\.|[^'\\\n])*'""",
    re.DOTALL | re.VERBOSE)
# Files with comments that begin with #.
SHELL_LIKE = ("src/**/CMakeLists.txt", "cmake/*", "dev", "justfile", ".ci/run", "deploy/**/*", "tests/**/*.sh", "tests/arm64/*")
PARAGRAPH_START = re.compile(r"[-*|#>]\s|\d+\. ")


def cxx_lines(text):
    """The (line number, text) of every comment line."""
    for token in CXX_TOKEN.finditer(text):
        if token["comment"]:
            first = text.count("\n", 0, token.start()) + 1
            for offset, line in enumerate(token["comment"].splitlines()):
                yield first + offset, re.sub(r"^\s*(//[/!]?<?|/?\*+/?)|\*/$", "", line).strip()


def python_lines(text):
    """The (line number, text) of every line of a comment or docstring."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# ")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            if ast.get_docstring(node):
                for offset, line in enumerate(node.body[0].value.value.splitlines()):
                    yield node.body[0].lineno + offset, line.strip()


def shell_lines(text):
    """The (line number, text) of every comment of a shell script, CMake file, YAML or configuration file."""
    for number, line in enumerate(text.splitlines(), 1):
        comment = re.search(r"(?:^|\s)#(?!!)(.*)", line)
        if comment:
            yield number, comment[1].strip()


def markdown_lines(text):
    """The (line number, text) of every line outside code blocks; a heading, row or list item begins a paragraph."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        fenced ^= line.lstrip().startswith("```")
        if not fenced and not line.startswith(("```", "#", "    ")):
            yield number, re.sub(r"`[^`]*`", "`code`", line.strip())


def paragraphs(lines):
    """Joins lines that follow each other: a list of (line number, text) for each paragraph."""
    current = []
    for number, line in lines:
        if current and (number != current[-1][0] + 1 or not line or PARAGRAPH_START.match(line)):
            yield current
            current = []
        if line:
            current.append((number, PARAGRAPH_START.sub("", line, count=1) if PARAGRAPH_START.match(line) else line))
    if current:
        yield current


def offences_in(lines):
    """The (line number, words) of every offence."""
    for paragraph in paragraphs(lines):
        text, starts = "", []
        for number, line in paragraph:
            starts.append((len(text), number))
            text += line + " "
        for allowed in ALLOWED:
            text = text.replace(allowed, " " * len(allowed))
        found = list(BARRED.finditer(text)) + list(BARRED_STARTS.finditer(text))
        for match in found:
            yield max(number for start, number in starts if start <= match.start(1)), match[1].strip()


def sources(root):
    """The files to read, each with its reader."""
    for folder in ("src", "bench", "tests"):
        for path in sorted(root.glob(f"{folder}/**/*")):
            if path.suffix in (".h", ".cc"):
                yield path, cxx_lines
    for folder in ("bench", "clients", "deploy", "tests", "tools"):
        for path in sorted(root.glob(f"{folder}/**/*.py")):
            yield path, python_lines
    for pattern in SHELL_LIKE:
        for path in sorted(root.glob(pattern)):
            if path.is_file() and path.suffix not in (".md", ".json", ".py"):
                yield path, shell_lines
    for pattern in ("*.md", "docs/*.md", "src/**/*.md", "bench/*.md", "tests/**/*.md", "deploy/**/*.md", "clients/**/*.md"):
        for path in sorted(root.glob(pattern)):
            yield path, markdown_lines


def offences(root):
    for path, reader in sources(pathlib.Path(root)):
        for number, words in sorted(set(offences_in(reader(path.read_text())))):
            yield f"{path}:{number}: {words}"


def self_test():
    cases = {
        "src/a.h": ('int a = 1\'000;  // who reads\nconst char* url = "http://who";\n/// Whoever waits\n', 2),
        "src/b.cc": ("// It is no more\n// than that.\n// Good. Where it ends\n// Where to listen is said.\n", 2),
        "src/c.cc": ("/* so many; a page whose bytes\n * wait. Whose are they?\n */\nauto s = R\"x(// who)x\";\n", 2),
        "bench/d.py": ('"""Not so fast."""\nx = "who"  # Who is that?\n', 2),
        "src/CMakeLists.txt": ("add_room(who)  # whose room\n", 1),
        "deploy/a/b.cfg": ("name who  # who is named\n", 1),
        "README.md": ("# Where things go\n\n- Where it is\n```\nwho\n```\n`who` and (who)\n", 2),
    }
    with tempfile.TemporaryDirectory() as scratch:
        for name, (text, expected) in cases.items():
            path = pathlib.Path(scratch, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            found = [line for line in offences(scratch) if line.startswith(f"{path}:")]
            assert len(found) == expected, (name, found)
        split = [line for line in offences(scratch) if line.endswith("b.cc:1: no more than")]
        assert len(split) == 1, "an offence is reported at the line where it begins"
    print("plain_words: finds what it should")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    found = list(offences(sys.argv[1] if len(sys.argv) > 1 else "."))
    print("\n".join(found) or "plain_words: no barred words")
    return 1 if found else 0


sys.exit(main())
