"""Auditing match and order files, whoever wrote them: each written fact is held against what the inputs say."""
