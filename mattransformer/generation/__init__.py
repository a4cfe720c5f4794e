"""From a checkpoint to new compositions."""
