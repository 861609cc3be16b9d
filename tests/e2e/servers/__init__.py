"""Tests against real DNS servers other than CoreDNS's `kubernetes` plugin: each as authority, as forwarder, or both.

A module for each server writes its configuration. An *authority* serves the cluster's names from a static zone; a
*forwarder* asks a real CoreDNS, and keeps what it said.
"""
