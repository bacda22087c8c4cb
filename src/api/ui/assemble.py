#!/usr/bin/env python3
"""Makes one document of the page's files, and a C++ source that contains the document, plain and compressed.

usage: assemble.py FOLDER OUT.cc      FOLDER has page/ and uplot/
       assemble.py FOLDER --html      prints the document
"""
import base64
import gzip
import hashlib
import pathlib
import sys

STYLES = ("uplot/uPlot.min.css", "page/page.css")
LIBRARY = "uplot/uPlot.iife.min.js"
# Each file may use the names of those before it.
SCRIPTS = ("page/format.js", "page/history.js", "page/panel_list.js", "page/panels.js", "page/plots.js", "page/tables.js",
           "page/findings.js", "page/figures.js", "page/live.js")
SOURCE = """// Made by src/api/ui/assemble.py.
#include "api/ui/document.h"

namespace {{
constexpr unsigned char kPlain[] = {{{plain}}};
constexpr unsigned char kGzip[] = {{{packed}}};
constexpr unsigned char kStyle[] = {{{style}}};
}}  // namespace

cachey::api::UiDocument cachey::api::ui_document() {{
  return {{{{reinterpret_cast<const char*>(kPlain), sizeof kPlain}},
          {{reinterpret_cast<const char*>(kGzip), sizeof kGzip}},
          {{reinterpret_cast<const char*>(kStyle), sizeof kStyle}},
          "{digest}",
          "{policy}"}};
}}
"""


def source_of(text):
    """The source of a Content-Security-Policy that allows this text alone."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def document(folder):
    """The document, its style, and its Content-Security-Policy."""
    read = lambda name: (folder / name).read_text(encoding="utf-8")
    style = "\n".join(map(read, STYLES))
    own = "\n".join(map(read, SCRIPTS))
    script = f'{read(LIBRARY)}\n(() => {{\n"use strict";\n{own}\n}})();\n'
    assert "</script" not in script and "</style" not in style
    html = read("page/page.html").replace("/*STYLE*/", style).replace("/*SCRIPT*/", script)
    policy = ("default-src 'none'; connect-src 'self'; img-src data:; "
              f"script-src {source_of(script)}; style-src {source_of(style)}; "
              "frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
    return html, style, policy


def numbers(data):
    return ",".join(map(str, data))


def main():
    folder, out = pathlib.Path(sys.argv[1]), sys.argv[2]
    html, style, policy = document(folder)
    if out == "--html":
        sys.stdout.write(html)
        return
    plain = html.encode()
    packed = gzip.compress(plain, compresslevel=9, mtime=0)
    pathlib.Path(out).write_text(SOURCE.format(plain=numbers(plain), packed=numbers(packed), style=numbers(style.encode()),
                                               policy=policy, digest=hashlib.sha256(plain).hexdigest()[:32]))


if __name__ == "__main__":
    main()
