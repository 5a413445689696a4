"""Every sentence of the app, held against a condition of its own in arithmetic of its own."""
