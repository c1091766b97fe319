"""`flakeship report`: one page, without scripts and network, of a project's releases."""
