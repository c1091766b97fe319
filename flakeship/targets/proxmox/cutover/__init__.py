"""The cutover: what makes a verified machine the active one of its server.

A service address is moved inside the guests, a name by updates of its zone (RFC 2136); with neither
of them a server is reached at the address of its active machine.
"""
