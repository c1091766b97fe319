"""Speed and memory, compared with a peer in the same run; printed as tables, never asserted."""
