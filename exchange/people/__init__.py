"""The directory of people: who they are, which numbers they go by, and for whom each number stands now.

`person.py` and `statements.py` are what can be said; `telling.py` is the door by which it comes in, and
`loading.py` that of a file. `records.py` keeps what is said of one number; `standing.py` (pure) decides for
whom numbers stand, and `clusters.py` brings it what it needs and writes down what it decided. `directory.py`,
`finding.py` and `doubts.py` read. `pds/` asks the Personal Demographics Service.
"""
