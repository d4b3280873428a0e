"""What the benchmarks have in common: whom they measure, on what, and how."""
