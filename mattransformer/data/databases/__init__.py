"""Databases of other people, fetched into files: OPTIMADE providers, data sets of the hub, the Materials Project.

Importing this package is free; what talks to a network is imported when it is asked.
"""
