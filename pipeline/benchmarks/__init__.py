"""`wigwag bench`: what is fast and what is not, measured side by side in one run."""
