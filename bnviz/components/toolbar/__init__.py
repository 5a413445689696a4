"""The toolbar of every page: what is looked at, γ, ε, undo and redo."""
