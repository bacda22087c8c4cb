"""The list of the software in the image (SBOM), in CycloneDX 1.5: the server, packages, headers compiled in."""

import json
import re
import subprocess
import time
import urllib.parse
import uuid

import make_root


def fields_of(record):
    """The one-line fields of a package's record."""
    lines = [line for line in record.splitlines() if line and not line[0].isspace()]
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def package_component(name, version, architecture, source, how):
    quoted = urllib.parse.quote(version, safe="")
    return {"type": "library", "bom-ref": f"deb/{name}", "name": name, "version": version,
            "purl": f"pkg:deb/debian/{urllib.parse.quote(name, safe='')}@{quoted}?arch={architecture}&distro=bookworm",
            "properties": [{"name": "cachey:source", "value": source}, {"name": "cachey:linked", "value": how}]}


def uplot_component():
    """The library of the status page; its first line has the version."""
    version = re.search(r"\(v([0-9.]+)\)", (make_root.UPLOT / "uPlot.iife.min.js").read_text())[1]
    return {"type": "library", "bom-ref": "npm/uplot", "name": "uplot", "version": version,
            "purl": f"pkg:npm/uplot@{version}", "licenses": [{"license": {"id": "MIT"}}],
            "properties": [{"name": "cachey:linked", "value": "part of the status page in the server"}]}


def of_root(root, version, architecture, seconds):
    """The list as JSON: the same for the same root."""
    components = []
    for path in sorted((root / "var/lib/dpkg/status.d").iterdir()):
        fields = fields_of(path.read_text())
        components.append(package_component(fields["Package"], fields["Version"], fields["Architecture"],
                                            fields.get("Source", fields["Package"]), "file in the image"))
    for name in make_root.BUILT_IN:
        line = subprocess.run(["dpkg-query", "-W", "-f=${Version} ${Architecture} ${source:Package}", name], check=True,
                              stdout=subprocess.PIPE, text=True).stdout.split()
        components.append(package_component(name, *line, "headers, compiled into the server"))
    components.append(uplot_component())
    server = {"type": "application", "bom-ref": "cachey", "name": "cachey", "version": version,
              "licenses": [{"license": {"id": "MIT"}}]}
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([version, architecture, components]))
    return json.dumps({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": f"urn:uuid:{serial}", "version": 1,
        "metadata": {"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)), "component": server},
        "components": components,
        "dependencies": [{"ref": "cachey", "dependsOn": [part["bom-ref"] for part in components]}],
    }, indent=1) + "\n"
