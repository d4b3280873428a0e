"""The model: transactions, what they are called, whom they report to, and where they go when they are over."""
