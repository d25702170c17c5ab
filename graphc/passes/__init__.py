"""Graph-to-graph passes, a file each; `pipelines` says which run, in which order, and why."""
