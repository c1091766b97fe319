"""The components as a package for Pulumi programs in any language: `pulumi package add`.

Nothing here acts: each component takes plain values, has the core prepare what is to be, and
declares the same resources as a program of ours.
"""
