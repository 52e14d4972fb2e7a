"""The commands of `wigwag`, thin: options in, one call into the pipeline. They import lazily."""
