"""Trace -> what is drawn, as pure data; figures/ alone knows Plotly. Imports claims and below."""
