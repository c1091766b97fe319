"""OpenSSH, by its command line."""
