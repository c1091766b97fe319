"""Flakeship's resource provider: one process for a whole run, instead of one for each resource.

The engine starts `pulumi-resource-flakeship` and speaks gRPC with it. It has forked a second
process before, in which the libraries of the targets are imported once; each operation runs in a
fork of that: it can be interrupted, and what it does to its process is its own.
"""
