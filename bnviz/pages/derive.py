"""Derive: the six equations, one step at a time, on the numbers of the scenario."""

import streamlit as st

st.title("Derive")
