"""The benchmark of generators of compositions: every system by the same lists, the same settings and the same metrics.

    mattransformer benchmark --models gpt2,matgan --data mp --up-to 10000

A system, trained on the rows of a data set, is drawn from until n distinct compositions are there. All that is said of
n suggestions is said of these first n: `sources` draws them, `lists` holds what they are held against, `measurement`
measures, `records` keeps it, `tables` renders it.
"""
