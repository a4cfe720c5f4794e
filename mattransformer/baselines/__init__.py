"""What language models are compared with: random compositions, MATGAN, and conditional networks over count vectors.

    mattransformer train configs/matgan-mp.yaml

    from mattransformer.baselines.checkpoints import load_generator
    load_generator("runs/matgan-mp").generate(1000, seed=0)

Each is a `generation.generator.Generator`: it gives n distinct reduced compositions of 2 to 8 elements and at most 30
atoms, decided by the seed.
"""
