"""The pages of the app; with ledger/ and plot/, the only place that knows Streamlit."""
