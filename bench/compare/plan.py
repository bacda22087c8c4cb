"""What a comparison is made of: workloads, in families that share their servers."""

import dataclasses
from collections.abc import Callable

from .peers import COLUMNS


@dataclasses.dataclass(frozen=True)
class Workload:
    """A row or more of a table. `run(bench, column)` gives a dict of figures, or a list of such."""

    name: str
    title: str
    shows: tuple  # names of figures, the one that decides first
    run: Callable
    seconds: float  # that a run takes, about
    repeats: bool = True  # once a round; else in the first round only
    leaves_out: dict = dataclasses.field(default_factory=dict)  # column name: why


@dataclasses.dataclass(frozen=True)
class Family:
    """Workloads on servers that were started on the same terms."""

    name: str
    title: str
    workloads: list
    terms: dict = dataclasses.field(default_factory=dict)  # see peers.Terms
    terms_of: dict = dataclasses.field(default_factory=dict)  # column name: what differs for it
    origin: str = "fast"  # or: paced, tls
    prepare: Callable = lambda _bench, _column: None
    seconds: float = 1  # that a column's start and preparation take, about
    columns: tuple = COLUMNS
    note: str = ""


COST_100K = "cpu_per_100k"
COST_GB = "cpu_per_gb"
