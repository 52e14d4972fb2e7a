"""Where events rest: readers and writers of files, replay in time, the simulated gesture set."""
