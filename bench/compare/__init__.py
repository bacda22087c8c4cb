"""`./dev bench compare`: Cachey beside the servers that one would use instead. docs/benchmarks.md describes it."""
