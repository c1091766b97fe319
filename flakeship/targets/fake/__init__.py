"""The target fake: a cloud of plain values, to try Flakeship without a machine, and for tests."""
