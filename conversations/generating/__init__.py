"""Writing an answer, in the order in which it happens.

`run` owns it. `prompt` makes the request, `asking` the chain of models that may answer, as `offer` knows them, and
`queueing` lets so many at a time. `writing` reads what comes into the `draft`, whose text `thinking` and
`joining` sort; `caching` keeps answers that may be used twice. `saving` keeps the draft while it grows. `titles` names
the conversation. `sweep` ends the runs of processes that are gone.
"""
