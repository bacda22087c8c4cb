"""`./dev bench compare`: Cachey beside what else one would put there. bench/README.md says what it measures."""
