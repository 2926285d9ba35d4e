"""`python -m igent ...` is `igent ...`."""

from igent.cli import main

main()
