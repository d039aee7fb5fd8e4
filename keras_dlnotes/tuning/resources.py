"""The GPUs and processor cores that each worker gets."""

import os
import subprocess


def worker_resources(workers: int) -> list[tuple[dict[str, str], list[int] | None]]:
    """Returns the environment and the processor cores of each worker."""
    if workers == 1:
        return [({}, None)]
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    gpus = visible_gpus()
    found = []
    for index in range(workers):
        own = cores[index::workers] if len(cores) >= workers else None
        variables = {}
        if own:
            variables["OMP_NUM_THREADS"] = str(len(own))
        if gpus:
            variables["CUDA_VISIBLE_DEVICES"] = gpus[index % len(gpus)]
        if gpus and workers > len(gpus):
            variables["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
            variables["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
        found.append((variables, own))
    return found


def visible_gpus() -> list[str]:
    """Returns the GPUs that this process may use, as CUDA_VISIBLE_DEVICES lists them."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name for name in chosen.split(",") if name.strip() not in ("", "-1")]
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return listed.stdout.split() if listed.returncode == 0 else []
