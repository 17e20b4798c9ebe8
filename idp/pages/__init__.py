"""Hosted HTML pages: what a person sees in a browser, and the protections that every page carries."""
