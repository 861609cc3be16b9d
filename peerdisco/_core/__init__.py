"""Decisions: plain objects that take results and times. No I/O, no clock, no sockets."""
