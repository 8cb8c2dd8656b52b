"""The dashboard of an experiment: one HTML file that opens anywhere, made from its tables.

`scopes` ranks recipes over every choice of task, length and target, `cells` holds what a rank is
made of, `curves` the statistics over training, `claims` and `provenance` the rest; `write` renders
them.
Nothing is computed here that a table does not hold.
"""

DASHBOARD = "index.html"
