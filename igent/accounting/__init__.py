"""Accounting: where time and tokens went. Pure."""
