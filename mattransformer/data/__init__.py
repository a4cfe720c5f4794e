"""Corpora of known compositions: read, filtered, labelled, split.

One call does all of it, with or without a network:

    from mattransformer.data import load_corpus
    corpus = load_corpus("mp-transport")
    print(corpus.report)
    train = corpus.split("train")

Every name is imported on first use, so that `import mattransformer` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mattransformer.data.corpora import CORPUS_NAMES as CORPUS_NAMES
    from mattransformer.data.corpora import Corpus as Corpus
    from mattransformer.data.corpora import load_corpus as load_corpus
    from mattransformer.data.known import KnownFormulas as KnownFormulas
    from mattransformer.data.readers import CorpusError as CorpusError
    from mattransformer.data.splits import SPLITS as SPLITS
    from mattransformer.data.splits import split_of as split_of
    from mattransformer.data.variants import VARIANTS as VARIANTS
    from mattransformer.data.variants import variant_of as variant_of

_HOME = {
    "CORPUS_NAMES": "corpora",
    "Corpus": "corpora",
    "CorpusError": "readers",
    "KnownFormulas": "known",
    "SPLITS": "splits",
    "VARIANTS": "variants",
    "load_corpus": "corpora",
    "split_of": "splits",
    "variant_of": "variants",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
