"""Scaffolding: the set-up, labs, the engine's build and benchmarks."""
