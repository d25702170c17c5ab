"""graphc beside PyTorch, JAX and NumPy: the same workloads, in one process, round by round.

    python -m benchmarks --help

workloads/       what is computed: arguments, the NumPy code that graphc compiles, and what NumPy itself runs
peers/           how each system is given a workload; the programs that are not NumPy
check.py         every result against NumPy in float64
measure.py       interleaved rounds; worker.py is the process that runs them
vector_maths.py  elementary functions, element by element, and docs/vector-maths.md
report.py        the tables of docs/benchmarks.md
"""
