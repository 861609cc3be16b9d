"""A fleet of replicas and its cluster's DNS in virtual time, told from stories that can be written down."""
