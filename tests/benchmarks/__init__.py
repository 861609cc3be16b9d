"""What peerdisco costs beside what it is compared with, and what a fleet of it costs its cluster's DNS."""
