"""Every token and every cent: `ledger` makes the rows, with the price that held at the time."""
