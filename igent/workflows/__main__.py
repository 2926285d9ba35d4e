"""`python -m igent.workflows CONSTELLATION ...` is `igent run CONSTELLATION ...`."""

import sys

from igent.cli import main

main(["run", *sys.argv[1:]])
