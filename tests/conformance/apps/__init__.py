"""One small program for each framework: all answer the same paths with the same programs."""
