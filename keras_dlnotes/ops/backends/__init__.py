"""What each framework does its own way, and nothing anywhere else.

Each folder holds a framework's `framework` (what the ops ask about it), `vjp` (how an op is joined
to its gradient), `correlate` (its convolution kernels) and what else it has of its own. `current`
picks the folder of the active backend, so that no other framework is imported.
"""
