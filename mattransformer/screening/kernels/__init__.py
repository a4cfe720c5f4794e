"""The compiled loops of screening, loaded where columns are long enough to pay for it."""
