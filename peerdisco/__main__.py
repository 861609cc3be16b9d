"""`python -m peerdisco` is `peerdisco`."""

import sys

from peerdisco.cli import main

sys.exit(main())
