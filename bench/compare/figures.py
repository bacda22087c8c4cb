"""The figures of a run: name, format, and whether less or more is better."""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Figure:
    title: str
    form: str
    better: Callable | None = min
    times: float = 1


FIGURES = {
    "cpu_per_100k": Figure("CPU-s per 100k", ".2f"),
    "cpu_per_gb": Figure("CPU-s per GB", ".2f"),
    "both_cpu_per_gb": Figure("server + client, CPU-s per GB", ".2f"),
    "requests_per_s": Figure("requests/s", ",.0f", max),
    "gb_per_s": Figure("GB/s", ".2f", max),
    "first_byte_p50_us": Figure("first byte p50, ms", ",.3g", min, 1e-3),
    "first_byte_p99_us": Figure("first byte p99, ms", ",.3g", min, 1e-3),
    "whole_p50_us": Figure("p50, ms", ",.3g", min, 1e-3),
    "whole_p99_us": Figure("p99, ms", ",.3g", min, 1e-3),
    "whole_p999_us": Figure("p99.9, ms", ",.3g", min, 1e-3),
    "origin_requests": Figure("GETs at the origin", ",.0f"),
    "origin_bytes": Figure("MB from the origin", ",.1f", min, 1e-6),
    "origin_requests_per_request": Figure("GETs at the origin, a request", ".3f"),
    "origin_bytes_per_byte": Figure("bytes from the origin, a byte asked", ".3f"),
    "disk_kib_per_request": Figure("KiB read from disk, a request", ",.0f"),
    "rss_peak_mib": Figure("peak RSS, MiB", ",.0f"),
    "ready_s": Figure("until the first answer, s", ".2f"),
}


def text(figure, value):
    """The value as shown in a table."""
    kind = FIGURES[figure]
    value *= kind.times
    if kind.form.endswith("g") and value >= 1000:
        return f"{value:,.0f}"
    return format(value, kind.form)
