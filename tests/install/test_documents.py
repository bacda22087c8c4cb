"""Every block of the documents is run, read by a program, or stands in document_table.py with a reason."""

import collections
import configparser
import functools
import json
import os
import pathlib
import re
import subprocess

import pytest
import yaml

import documents
import sandbox
from document_table import SCENARIOS, TABLE, Exempt, Read, Run, Elsewhere
from documents import ROOT

_SHELL = {"sh", "console", "bash", "shell"}
_SECONDS_WITH_BUILD = 400
"""./dev run builds the server first, if sources have changed."""
_SLOW = float(os.environ.get("CACHEY_TEST_SLOW", "1"))


def row_of(block, table=tuple(TABLE)):
    """The first row that matches."""
    for row in table:
        if row.file == block.file and getattr(row, "chapter", "") in ("", block.chapter) and re.search(row.pattern, block.text, re.MULTILINE):
            return row
    return None


def blocks_for(kind):
    return [(block, row) for block in documents.blocks() if isinstance(row := row_of(block), kind)]


def test_every_block_has_a_row():
    unknown = [str(block) for block in documents.blocks() if row_of(block) is None]
    assert unknown == [], "what runs these blocks? Say so in tests/install/document_table.py"


def test_every_row_has_a_block():
    used = {id(row_of(block)) for block in documents.blocks()}
    assert [(row.file, row.pattern) for row in TABLE if id(row) not in used] == []


def test_an_unknown_block_is_noticed():
    text = "# A\n\n```sh\ncachey --new\n```\n\n- item\n\n  ```python\n  import cachey\n  ```\n"
    found = list(documents.blocks_of("README.md", text))
    assert [(block.line, block.language, block.text) for block in found] == [
        (3, "sh", "cachey --new\n"), (9, "python", "import cachey\n")]
    assert [row_of(block) for block in found] == [None, None]


def text_here(block, row):
    """The block with the sizes and devices that this machine has."""
    text = block.text
    for old, new in row.instead:
        assert old in text, f"{block} has no {old}"
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_it_runs(scenario, tmp_path):
    found = [(block, row) for block, row in blocks_for(Run) if row.scenario == scenario]
    texts = [(str(block), text_here(block, row)) for block, row in found]
    done, log = sandbox.run_blocks(tmp_path, SCENARIOS[scenario], texts, (_SECONDS_WITH_BUILD if scenario == "readme" else 60) * _SLOW)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}\n{log[-3000:]}"
    for block, row in found:
        for pattern in row.says:
            assert re.search(pattern, done.stdout, re.MULTILINE), f"{block} does not print {pattern}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def test_a_command_that_fails_is_noticed(tmp_path):
    done, _ = sandbox.run_blocks(tmp_path, "", [("one", "cachey --port 8080\n"), ("two", "curl -fs http://127.0.0.1:8080/fetch\n"), ("three", "true\n")])
    assert done.returncode == 22 and "--- two" in done.stderr and "--- three" not in done.stderr, done.stderr


def test_a_server_that_does_not_start_is_noticed(tmp_path):
    done, log = sandbox.run_blocks(tmp_path, "", [("one", "cachey --no-such-option\n")])
    assert done.returncode == 1 and "--no-such-option" in log, done.stderr


@pytest.mark.parametrize("test", sorted({row.test for row in TABLE if isinstance(row, Elsewhere)}))
def test_it_is_run_elsewhere(test):
    """The named test reads the document itself, so that it runs the block as it stands."""
    text = (ROOT / test).read_text()
    for row in TABLE:
        if isinstance(row, Elsewhere) and row.test == test:
            assert pathlib.Path(row.file).name in text, f"{test} does not read {row.file}"


def read_config(path):
    done = subprocess.run([sandbox.BINARY, "--config", path, "--print-config"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"# from {path}:1" in done.stdout


def read_prometheus(path):
    subprocess.run(["promtool", "check", "config", path], check=True, capture_output=True)


def read_logrotate(path):
    done = subprocess.run(["logrotate", "--debug", "--state", path.with_name("state"), path], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "error" not in done.stderr, done.stderr


def read_yaml(path):
    assert list(yaml.safe_load_all(path.read_text()))


def read_faults(path):
    """The block is what the program says of such a file, variable and option."""
    config = path.with_name("cachey.toml")
    config.write_text("\n\nmemroy = 1\n")
    done = subprocess.run([sandbox.BINARY, "--config", config, "--tls-cert", "cert.pem"], env={"CACHEY_THREADS": "0"}, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 2 and done.stderr.replace(str(config), "/etc/cachey.toml") == path.read_text()


def fields_of(line):
    """The names of a line of the log, in order."""
    return list(json.loads(line)) if line.startswith("{") else [word.partition("=")[0] for word in line.split()[1:]]


def read_log(path):
    """Each line has the fields of the line that a server writes in this format, and the version."""
    version, = re.findall(r"project\(\w+ VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())
    for line, form in zip(path.read_text().splitlines(), ("text", "json"), strict=True):
        command = [sandbox.BINARY, "--origin", f"dir:{path.parent}", "--memory", "64MiB", "--listen", "127.0.0.1", "--port", "0", "--log-format", form]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            said = next(said for said in server.stderr if "listening" in said)
            server.terminate()
            server.stderr.read()
        assert fields_of(said) == fields_of(line) and version in line


def read_unit(path):
    """The program takes the command line of the unit."""
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str
    unit.read(path)
    _, *options = unit["Service"]["ExecStart"].split()
    subprocess.run([sandbox.BINARY, *options, "--print-config"], check=True, capture_output=True)


READERS = {
    "faults": read_faults, "log": read_log, "unit": read_unit, "config": read_config, "prometheus": read_prometheus, "logrotate": read_logrotate, "yaml": read_yaml,
    "json": lambda path: json.loads(path.read_text()),
}


@pytest.mark.parametrize("block,row", blocks_for(Read), ids=lambda value: str(value) if isinstance(value, documents.Block) else "")
def test_a_program_reads_it(block, row, tmp_path):
    file = tmp_path / "block"
    file.write_text(text_here(block, row))
    file.chmod(0o644)
    READERS[row.reader](file)


@functools.cache
def known_options():
    said = subprocess.run([sandbox.BINARY, "--help"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", said))


def options_for_the_server(line):
    """Options after the word `cachey`, or after the name of the image in `docker run`."""
    found = re.search(r"^(?:docker|podman) run .*? cachey(?::[^\s/]+)?(?= |$)(.*)|^(?:/usr/bin/)?cachey\b(.*)", line)
    return re.findall(r"(?<=\s)(--[a-z][\w-]*)", (found[1] or found[2] or "").partition("#")[0]) if found else []


def faults_of(block):
    """What is wrong with a block that nothing runs."""
    if block.language in _SHELL:
        parsed = subprocess.run(["bash", "-n"], input=block.text, text=True, capture_output=True, check=False)
        if parsed.returncode:
            yield parsed.stderr
        for line in block.text.replace("\\\n", " ").splitlines():
            yield from (f"no option {name}" for name in options_for_the_server(line) if name not in known_options())
        yield from (f"no ./dev {word}" for word in re.findall(r"\./dev (\w+)", block.text) if f"\n  {word}" not in (ROOT / "dev").read_text())
        for name in re.findall(r"(?<![\w/.-])(?:\./)?((?:deploy|tests|docs|bench|tools)/[\w./-]*\w)", block.text):
            if not (ROOT / name).exists():
                yield f"no file {name}"


@pytest.mark.parametrize("block", [block for block, _ in blocks_for(Exempt)], ids=str)
def test_it_is_well_formed(block):
    assert list(faults_of(block)) == []


def test_a_faulty_block_is_noticed():
    block = documents.Block("a.md", 1, "sh", "docker run -v cachey:/c --env-file e cachey:1 --memroy 1GiB --port 8080\nhelm install deploy/nothing\n./dev nothing\nif\n")
    found = list(faults_of(block))
    assert "no option --memroy" in found and "no file deploy/nothing" in found and "no ./dev nothing" in found and len(found) == 4


def names_that_are_missing(text):
    """Files of the project, and words of ./dev, in code spans. Names with a word in capitals stand for others."""
    for span in re.findall(r"`([^`\n]+)`", text):
        yield from (f"./dev {word}" for word in re.findall(r"\./dev (\w+)", span) if f"\n  {word}" not in (ROOT / "dev").read_text())
        for name in re.findall(r"(?<![\w/.-])((?:deploy|tests|docs|bench|tools|src|cmake)/[\w./-]*\w)(?![\w{*])", span):
            if not (ROOT / name).exists() and not re.search(r"/[A-Z]{2,}(?![\w.])", name):
                yield name


@pytest.mark.parametrize("name", documents.listed_files("*.md"))
def test_what_a_document_names_exists(name):
    assert list(names_that_are_missing((ROOT / name).read_text())) == []


def test_a_missing_name_is_noticed():
    text = "`tests/e2e/test_nothing.py -k x`, `src/ROOM`, `docs/s3.md`, `./dev nothing`, `./dev test`, `tests/e2e/test_*.py`"
    assert list(names_that_are_missing(text)) == ["tests/e2e/test_nothing.py", "./dev nothing"]


def test_each_exemption_has_a_reason():
    counted = collections.Counter(type(row).__name__ for row in TABLE)
    assert all(len(row.reason) > 8 for row in TABLE if isinstance(row, Exempt))
    assert counted["Run"] > 5
