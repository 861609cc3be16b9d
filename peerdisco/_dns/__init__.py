"""DNS: questions and replies as bytes, one lookup over several nameservers, and the sockets for it.

Nothing here knows of options, peers or Kubernetes.
"""
