"""From a growing answer to the browser: `growing` text, the `hub` its viewers share, `cursor`, `frames`, `viewer`.

`follower` feeds a hub from the database when the run lives in another process.
"""
