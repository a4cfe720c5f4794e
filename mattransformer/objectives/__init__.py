"""What models are trained for: a loss and a sampler each."""
