"""The web pages: HTML from templates, drawn and kept fresh by small scripts of our own that read the JSON API."""
