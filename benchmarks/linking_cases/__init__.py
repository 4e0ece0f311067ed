"""Whose study it is, decided of generated cases whose truth is known: none may be linked to somebody else.

Whoever makes a case knows whose the study is, and nothing of the rules. What the study says is damaged as it
is in real archives, each kind by itself at the rate that `damage.DAMAGE` gives, so that kinds meet. A study
that bears another person's details in full (a twin's number with the twin's name) is that person's to whoever
reads it: none is made, and how many came up is printed.
"""
