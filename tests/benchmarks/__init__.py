"""Benchmarks: what a lookup costs in comparison with others, and what a fleet costs the cluster's DNS."""
