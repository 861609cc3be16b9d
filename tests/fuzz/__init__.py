"""Fuzzing: `make fuzz`. `targets` holds the laws, `laws` the budgets, `__main__` the runner, `corpus/` the inputs."""
