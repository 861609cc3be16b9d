"""What `LocalCluster` is made of: a DNS server that answers as CoreDNS's `kubernetes` plugin does."""
