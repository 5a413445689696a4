"""What things are called: the glossary and numbers as text. Imports no other floor."""
