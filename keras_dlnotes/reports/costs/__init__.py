"""What a model costs, and what it sees: parameters, multiplications, receptive fields."""
