"""Conversations leave the site: what is chosen, one file per format, and the job that writes them."""
