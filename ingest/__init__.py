"""The running service: sockets, files, clocks and processes around the pure core."""
