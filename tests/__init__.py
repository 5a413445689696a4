"""The tests of bnviz; `python3 tests/run.py` runs them all."""
