"""The browser's side: a folder a component, mounted through register. Imports draw and below."""
