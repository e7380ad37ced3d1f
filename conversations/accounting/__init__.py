"""Every token and every cent.

`ledger` makes the rows, with the price that held (`pricing`) or an estimate (`estimating`); `recompute` puts right what
a wrong price has cost; `budgets` say what may be spent, `forecast` what the next message will cost. `reports/` tells
what was spent, on what, by whom; `alerts/` tells people before it is too much.
"""
