"""The soak: many random stories with random faults on real servers, after which they hold what they held before.

    python -m tests.soak --cycles 2000 --processes 2      # `make soak` does both forms
    python -m tests.soak --seed 7 --only 381              # one story again

`stories.py` draws what happens, `cycle.py` does it, `checks.py` says what must hold, `held.py` what is held.
"""

PROBE = "/__probe__"
