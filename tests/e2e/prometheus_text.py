"""A strict reader of the Prometheus text format 0.0.4: any deviation from the format fails."""

import dataclasses
import math
import re

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? (\S+)(?: (-?\d+))?")
_TYPES = ("counter", "gauge", "histogram", "summary", "untyped")


@dataclasses.dataclass
class Family:
    name: str
    help: str = ""
    type: str = "untyped"
    samples: list = dataclasses.field(default_factory=list)  # (name, {label: value}, number)
    told: set = dataclasses.field(default_factory=set)  # names with HELP and TYPE


def _number(text):
    if text in ("+Inf", "-Inf", "NaN"):
        return {"+Inf": math.inf, "-Inf": -math.inf, "NaN": math.nan}[text]
    assert re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", text), f"bad number {text!r}"
    return float(text)


def _labels(text):
    labels, at = {}, 0
    while at < len(text):
        found = _LABEL.match(text, at)
        assert found, f"bad labels {text!r}"
        assert found.group(1) not in labels, f"label {found.group(1)} twice in {text!r}"
        value = found.group(2)
        labels[found.group(1)] = re.sub(r'\\(.)', lambda m: {"n": "\n"}.get(m.group(1), m.group(1)), value)
        at = found.end()
    return labels


def _belongs(sample, family):
    suffixes = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}.get(family.type, ("",))
    return any(sample == family.name + suffix for suffix in suffixes)


def _check_histogram(family):
    rows = {}
    for name, labels, value in family.samples:
        own = dict(labels)
        bound = own.pop("le", None)
        row = rows.setdefault(tuple(sorted(own.items())), {"buckets": []})
        if name.endswith("_bucket"):
            assert bound is not None, f"{name} without le"
            row["buckets"].append((_number(bound), value))
        else:
            assert bound is None, f"{name} with le"
            row[name.removeprefix(family.name)] = value
    for labels, row in rows.items():
        bounds = [bound for bound, _ in row["buckets"]]
        counts = [count for _, count in row["buckets"]]
        assert bounds and {"_sum", "_count"} <= row.keys(), f"{family.name}{labels} lacks a part"
        assert bounds == sorted(bounds) and bounds[-1] == math.inf, f"{family.name}{labels}: bounds {bounds}"
        assert counts == sorted(counts) and counts[-1] == row["_count"], f"{family.name}{labels}: counts {counts}"


def parse(text):
    """{family name: Family}. Fails on any deviation from the format."""
    assert text.endswith("\n"), "the last line does not end"
    assert "\r" not in text
    families, current, seen = {}, None, set()
    for line in text.split("\n")[:-1]:
        if not line:
            continue
        if line.startswith("# "):
            _, keyword, rest = (line + " ").split(" ", 2)
            if keyword not in ("HELP", "TYPE"):
                continue
            name, _, value = rest.strip().partition(" ")
            assert re.fullmatch(_NAME, name), f"bad name in {line!r}"
            if current is None or current.name != name:
                assert name not in families, f"the lines of {name} are not together"
                current = families[name] = Family(name)
            assert not current.samples and keyword not in current.told, f"too late, or twice: {line!r}"
            current.told.add(keyword)
            if keyword == "TYPE":
                assert value in _TYPES, line
                current.type = value
            else:
                current.help = value
            continue
        found = _SAMPLE.fullmatch(line)
        assert found, f"bad line {line!r}"
        name, labels = found.group(1), _labels(found.group(2) or "")
        assert current and _belongs(name, current), f"{name} has no TYPE before it"
        identity = (name, tuple(sorted(labels.items())))
        assert identity not in seen, f"{line!r} came twice"
        seen.add(identity)
        current.samples.append((name, labels, _number(found.group(3))))
    for family in families.values():
        if family.type == "histogram":
            _check_histogram(family)
        if family.type == "counter":
            assert all(value >= 0 for _, _, value in family.samples), family.name
    return families


def value(families, name, **labels):
    """The sum of the samples with that name and these labels; 0 if there is none."""
    family = families.get(name) or families.get(re.sub(r"_(bucket|sum|count)$", "", name))
    if family is None:
        return 0.0
    return sum(number for sample, own, number in family.samples
               if sample == name and all(own.get(label) == wanted for label, wanted in labels.items()))
