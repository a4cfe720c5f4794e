"""What models are trained for: for each objective a loss, a probability or its bound, and a sampler."""
