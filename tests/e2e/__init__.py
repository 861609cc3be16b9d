"""Tests against a real CoreDNS, which reads a stub of the Kubernetes API server."""
