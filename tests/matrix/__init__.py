"""Every Python, with the lowest and the newest dependencies, as wheel and as sdist (`make matrix`)."""
