"""Talking to AI companies: four wire APIs behind one small contract. Plain Python, no Django.

`contract.py` holds the words, `errors.py` what can go wrong, `catalog.py` which models there are, `registry.py` which
of them this environment can open. Each wire API has a file of its own. `attempts.py` asks again and falls back,
`health.py` remembers how models have been doing, `answers.py` keeps answers that may be used twice.
"""
