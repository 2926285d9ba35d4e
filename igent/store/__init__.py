"""The store: inputs, journal and output files. The only code that touches the disk."""
