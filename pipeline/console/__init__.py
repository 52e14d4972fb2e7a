"""The web console: a page that shows a running brain and teaches it, and what serves it."""
