"""The glossary, where a user imports it from: `bnviz.terms.TERMS["dx"].equation`."""

from bnviz.words.glossary import TERMS, Term

__all__ = ["TERMS", "Term"]
