"""Hosted HTML pages: what a user sees in a browser, and the protections that every page carries."""
