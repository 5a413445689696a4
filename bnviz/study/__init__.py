"""What follows from a trace: ∂L/∂W, the one-line form, neighbours, few digits. Imports core."""
