"""A small network trained step by step: settings, activations, optimisers, the model."""
