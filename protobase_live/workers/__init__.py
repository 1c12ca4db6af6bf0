"""Several processes behind one port: a supervisor, and workers that it starts again when they die."""
