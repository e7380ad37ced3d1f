"""`python -m tests.columns_table` writes docs/usage-reports.md: how reports count, and the columns of every file."""

import os
from pathlib import Path

import django

TABLE = Path(__file__).parent.parent / "docs/usage-reports.md"
HEAD = """# Usage reports

Made by `python -m tests.columns_table`; a test compares it with the code.

## Pages

"Usage report" in the admin, `/admin/usage/`, for staff with the permission "Can view usage record". All of them are
about a period and filters, which stand in the address: send it to a colleague, keep it as a bookmark.

| page | what it answers |
|---|---|
| Overview | What did it cost, how does that compare, which models and people was it, is it right? |
| Users, Groups, Models, Providers, Purposes | The same line by line; sorted by any column, searched by name. |
| Matrix | Who spent how much on which model. |
| Conversations | Which conversations cost most: ids and owners, neither titles nor texts. |
| Calls | The ledger rows behind any figure, and each call with its attempts, times, prices and corrections. |
| Reliability | First token, speed, stopped, failed, retried, fallen back: per model. |
| Unpriced | Models without a price, and the way to give them one. |

- Every figure is a link to the rows that it is the sum of, every bar of a chart too. A dash is nothing, `$0` is free,
  `unknown` is a price nobody knows, `+?` a sum that lacks such calls, `≈` an estimate; a ring below a bar says that
  calls of that day are missing in it.
- Charts are drawn on the server as SVG, without script or inline style, which the site's Content-Security-Policy
  refuses. "The chart as a table" says the same in numbers.
- "CSV" and "JSONL" are the page as a file, with its period and filters.

## How reports count

- Every figure is the sum of ledger rows and equal to it. Days that ended more than an hour ago are rolled up, in the
  site's time zone (`CHAT_TIME_ZONE`); whatever adds to such a day afterwards (a correction, a price that became known)
  makes reports read its rows until it is rolled up again. `manage.py rebuild_usage` makes all roll-ups anew and
  compares them with the rows, sum by sum; `--check` only compares. Either fails where they differ.
- A period is compared with the one before of the same length: a month with the month before, seven days with the seven
  before. While a period runs, only as much of the earlier one counts as has passed of this one.
- A call is a row that corrects no other. Money includes corrections, which count in the day of what they correct.
- Unknown is not zero: calls without a price are missing in the cost, and counted as unpriced.
- An answer is a call that gave a reader text: a stopped one too, a title or a failed attempt not. An error is a call
  that ended in any other way than complete, stopped or interrupted by a restart.
- The model is the one that was asked; a fallback is a call of its own, of the model that stood in.
- People in several groups count in each of them, so that the groups may add up to more than the whole.
- Waits for the first token come from a histogram whose buckets are 10 % wide: p50 and p95 are 5 % off at most.
  Tokens per second count the wait too, as a model that thinks unseen writes most of its tokens in it.
- Savings by the providers' prompt caches are what the cached tokens would have cost as fresh input, less what they
  cost; writing to a cache may cost more than it saves.

`manage.py seed_usage` fills an empty ledger with made-up calls, to see how all this does at size; `make bench-reports`
measures every report and page on two million of them. All stay below 300 ms but one: conversations narrowed to a
purpose, an outcome or a confidence are added up from rows, which takes up to three seconds for a year of that size.

## Files

Every view can be had as CSV (UTF-8, with a byte order mark) or JSONL. They are written while they are read from the
database, however long they are. Columns are those of FOCUS 1.2, the FinOps Open Cost and Usage Specification, as far
as it has them; those that begin with `x_` are ours. Money is in US dollars with all its digits; unknown is an empty
cell, in JSONL `null`. Times are UTC. In CSV a text that a spreadsheet could take for a formula begins with an
apostrophe.

`ChargeClass` is `Correction` for every correction row. FOCUS asks that only of billing periods that are
invoiced already; the site does not know invoices.
"""


def table() -> str:
    from conversations.accounting.reports.columns import VIEWS

    parts = [HEAD]
    for name, view in VIEWS.items():
        parts.append(f"\n### {view.title} (`{name}`)\n\n| column | what it is |\n|---|---|\n")
        parts += [f"| `{column.name}` | {column.about} |\n" for column in view.columns]
    return "".join(parts)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
    django.setup()
    TABLE.write_text(table())
