"""The usage section of the admin: what was spent, on what, by whom, and is it right?

Every page is about a scope (a period and filters, `accounting/reports/scope.py`) that stands in its address, and every
figure leads to the ledger rows it is the sum of.
"""
