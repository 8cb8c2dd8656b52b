"""The results page of an experiment, made from its tables; the config alone adds a paragraph.

`conclusions` says what the runs show and what they do not, `blocks` holds its tables, and `page`
puts them together.
"""
