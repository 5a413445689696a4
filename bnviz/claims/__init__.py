"""What may be said of the numbers, each with its check. Imports captures and below."""
