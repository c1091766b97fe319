"""Commands, files, signals and sockets of the workstation."""
