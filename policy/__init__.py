"""The policies of a stack, as rules on what a preview or an update declares.

A rule is a pure function; `pack` is the only module that imports Pulumi.
"""
