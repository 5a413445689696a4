"""One file a page of app.py. Imports screen and below; nothing imports a page."""
