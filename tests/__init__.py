"""The tests of peerdisco."""
