"""The model: transactions, their names, the applications they report to, and their errors and attributes.

It holds what is true of a transaction wherever it was opened. How a transaction
becomes current is the matter of `context`, what opens one that of `wrappers` and
`middleware`, and what becomes of a finished one that of `handoff` and `recording`.
"""
