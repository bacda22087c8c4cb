"""Odd values of every type at every place of the schema: a clear refusal, or what Kubernetes, HAProxy and the server take."""

import functools
import json
import re

import chart
import pytest
import yaml

_SCHEMA = json.loads((chart.CHART / "values.schema.json").read_text())
_TEXTS = ['a"b', "a'b", "a\\", "a\nb: c", "{{ .Values }}", "a #b", "- a", "{a", "&a", "x" * 64, "x" * 300, "a-", "A_b",
          "1", "true", "null", "1e3", "ü", "a..b", "a=b", "a/b", "a\tb", "9a", "a.b"]
_NUMBERS = [0, 1, -1, 1.5, 65536, 10 ** 12]
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SERVICE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_SECRET_KEY = re.compile(r"[-._a-zA-Z0-9]+")
# What must be set beside a value for the value to have a use.
_BESIDE = [("s3.keysKey", {"s3": {"enabled": True, "keysSecret": "k"}}),
           ("s3.keysSecret", {"s3": {"enabled": True}}),
           ("s3.externalHosts", {"s3": {"enabled": True, "keysSecret": "k"}}),
           ("s3.", {"s3": {"enabled": True, "open": True}}),
           ("disk.", {"disk": {"enabled": True}}),
           ("tls.", {"tls": {"secretName": "t"}, "haproxy": {"clientCertSecret": "c"}}),
           ("haproxy.clientCertSecret", {"tls": {"secretName": "t"}}),
           ("metrics.serviceMonitor.", {"metrics": {"serviceMonitor": {"enabled": True}}}),
           ("networkPolicy.", {"networkPolicy": {"enabled": True}}),
           ("store.", {"store": {"existingSecret": "s"}}),
           ("auth.tokensKey", {"auth": {"tokensSecret": "t"}}),
           ("buckets.pageSizes", {"buckets": {"kinds": {"a": ["b"]}}})]


def resolved(schema):
    while "$ref" in schema:
        schema = _SCHEMA["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    return resolved(schema["allOf"][0]) if "allOf" in schema else schema


def places(schema, before=()):
    for name, inner in resolved(schema).get("properties", {}).items():
        if "properties" in resolved(inner):
            yield from places(inner, (*before, name))
        else:
            yield (*before, name), resolved(inner)


def odd_values(schema):
    """Values of the schema's own type; lists and maps have one member."""
    kind = schema.get("type", "string")
    if isinstance(kind, list):
        return [value for one in kind for value in odd_values({"type": one})]
    if kind == "array":
        inner = resolved(schema["items"])
        return [[]] + [[value] for value in odd_values(inner) if inner["type"] == "string"]
    if kind == "object":
        inner = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")][0]
        member = [value for value in odd_values(inner)] if isinstance(inner, dict) else []
        usual = ["b"] if isinstance(inner, dict) and resolved(inner).get("type") == "array" else "b"
        return [{}] + [{"a": value} for value in member] + ([{text: usual} for text in _TEXTS] if member else [])
    return {"string": _TEXTS, "boolean": [True, False]}.get(kind, _NUMBERS)


def merged(first, second):
    both = first | second
    for name in first.keys() & second.keys():
        if isinstance(first[name], dict) and isinstance(second[name], dict):
            both[name] = merged(first[name], second[name])
    return both


def sets(top):
    """Sets of values with one odd value each, somewhere under a name of the top."""
    for path, schema in places(_SCHEMA):
        if path[0] != top:
            continue
        beside = next((more for name, more in _BESIDE if ".".join(path).startswith(name)), {})
        for value in odd_values(schema):
            for name in reversed(path):
                value = {name: value}
            yield merged(beside, value)


class UniqueKeys(yaml.CSafeLoader):
    """A loader that refuses a key twice, as Kubernetes does."""


def construct_map(loader, node):
    keys = [key.value for key, _ in node.value]
    assert len(keys) == len(set(keys)), keys
    return yaml.CSafeLoader.construct_mapping(loader, node, deep=True)


UniqueKeys.add_constructor("tag:yaml.org,2002:map", construct_map)


def fits(pattern, text, most=253):
    return isinstance(text, str) and pattern.fullmatch(text) is not None and len(text) <= most


def faults(value, field=""):
    """What Kubernetes has against names, labels and keys in a document: no schema says so."""
    if isinstance(value, list):
        return [fault for one in value for fault in faults(one, field)]
    if not isinstance(value, dict):
        wants_name = field in ("secretName", "serviceAccountName", "storageClassName", "priorityClassName", "namespace")
        return [(field, value)] if value is None or wants_name and not fits(_NAME, value) else []
    found = [fault for name, one in value.items() for fault in faults(one, name)]
    if field in ("labels", "matchLabels", "nodeSelector"):
        found += [pair for pair in value.items() if not fits(_KEY, pair[0]) or not fits(_LABEL, pair[1])]
    if field == "annotations":
        found += [pair for pair in value.items() if not fits(_KEY, pair[0]) or not isinstance(pair[1], str)]
    if field == "secretKeyRef" and not (fits(_NAME, value["name"]) and fits(_SECRET_KEY, value["key"])):
        found.append((field, value))
    if "kind" in value and "metadata" in value and not fits(_NAME, value["metadata"]["name"]):
        found.append(("name", value["metadata"]["name"]))
    if value.get("kind") == "Service" and not fits(_SERVICE, value["metadata"]["name"], 63):
        found.append(("name of a Service", value["metadata"]["name"]))
    return found


@functools.cache  # most files of two sets are alike
def complaints_about(text):
    return [fault for document in yaml.load_all(text, UniqueKeys) if document for fault in faults(document)]


def complaints(files):
    return [fault for path, text in files.items() if path.endswith(".yaml") for fault in complaints_about(text)]


def is_clear(error):
    """The chart's own text, or the schema's with the place of the value."""
    return "cachey: " in error or re.search(r"^ *- at '/\w", error, re.MULTILINE)


_ASKED = {name: list(sets(name)) for name in _SCHEMA["properties"] if name != "global"}


@functools.cache
def answers():
    found = iter(chart.render_all([values for asked in _ASKED.values() for values in asked], check=False))
    return {name: [next(found) for _ in asked] for name, asked in _ASKED.items()}


@pytest.mark.parametrize("name", _ASKED)
def test_an_odd_value_is_refused_or_fits(name):
    for values, answer in zip(_ASKED[name], answers()[name], strict=True):
        if "error" in answer:
            assert is_clear(answer["error"]), (values, answer["error"])
        else:
            assert complaints(answer["files"]) == [], values


@pytest.mark.parametrize("release", ["true", "null", "1e3", "a.b", "x" * 53, "a" * 49 + "-b", "9a", "e1-cachey", "cachey"])
def test_a_release_has_valid_names_or_is_refused(release):
    answer = chart.render_all([{}], release, namespace="1e3", check=False)[0]
    if "error" in answer:
        assert "is no name of a Service" in answer["error"] and release in ("1e3", "a.b", "9a")
    else:
        assert complaints(answer["files"]) == []
