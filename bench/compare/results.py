"""The results: cells by workload and column, and failures."""

import json
import statistics


class Results:
    """rows: {workload: {family, title, shows, note, cells: {column: {runs, missing, failed, notes}}}}"""

    def __init__(self, machine):
        self.machine = machine
        self.rows = {}
        self.families = {}
        self.checks = {}
        self.faults = []

    @classmethod
    def read(cls, path):
        stored = json.loads(path.read_text())
        results = cls(stored["machine"])
        results.rows, results.families = stored["rows"], stored["families"]
        results.checks, results.faults = stored["checks"], stored["faults"]
        return results

    def write(self, path):
        path.write_text(json.dumps({"machine": self.machine, "families": self.families, "rows": self.rows,
                                    "checks": self.checks, "faults": self.faults}, indent=1) + "\n")

    def _cell(self, family, workload, column):
        self.families.setdefault(family.name, {"title": family.title, "note": family.note})
        row = self.rows.setdefault(workload.name, {"family": family.name, "title": workload.title,
                                                   "shows": list(workload.shows), "cells": {}})
        return row["cells"].setdefault(column, {"runs": []})

    def add(self, family, workload, column, figures):
        cell = self._cell(family, workload, column)
        for run in figures if isinstance(figures, list) else [figures]:
            note = run.pop("note", None)
            if note:
                cell["note"] = note
            cell["runs"].append(run)

    def without(self, family, workload, column, reason):
        self._cell(family, workload, column)["missing"] = reason

    def failed(self, family, workload, column, error):
        self._cell(family, workload, column)["failed"] = " ".join(str(error).split())[:300]

    def values(self, row, column, figure):
        cell = self.rows.get(row, {"cells": {}})["cells"].get(column, {"runs": []})
        return [run[figure] for run in cell["runs"] if figure in run]

    def median(self, row, column, figure):
        values = self.values(row, column, figure)
        return statistics.median(values) if values else None
