"""The parts of a comparison: workloads, in families that share their servers."""

import dataclasses
from collections.abc import Callable

from .peers import COLUMNS


@dataclasses.dataclass(frozen=True)
class Workload:
    """One or more rows of a table. `run(bench, column)` returns a dict of figures, or a list of dicts."""

    name: str
    title: str
    shows: tuple  # names of figures; the deciding one first
    run: Callable
    seconds: float  # approximate duration of a run
    repeats: bool = True  # True: once per round; False: in the first round only
    leaves_out: dict = dataclasses.field(default_factory=dict)  # column name: reason


@dataclasses.dataclass(frozen=True)
class Family:
    """Workloads on servers that were started on the same terms."""

    name: str
    title: str
    workloads: list
    terms: dict = dataclasses.field(default_factory=dict)  # see peers.Terms
    terms_of: dict = dataclasses.field(default_factory=dict)  # column name: terms that differ
    origin: str = "fast"  # fast, paced or tls
    prepare: Callable = lambda _bench, _column: None
    seconds: float = 1  # approximate time of a column's start and preparation
    columns: tuple = COLUMNS
    note: str = ""


COST_100K = "cpu_per_100k"
COST_GB = "cpu_per_gb"
