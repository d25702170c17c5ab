"""What users call: tracing and compiling functions, transforming them, and defining graphs by hand."""
