"""Checkpoints given to others: what is sent to a repository of a model hub, and how it is sent.

    mattransformer publish runs/oxides ada/oxides

`contents` puts the files together, the card among them; `publishing` sends them in one commit. What was published is
opened by its name, see `models.repositories`.
"""
