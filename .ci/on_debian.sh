#!/usr/bin/env bash
# Runs the quick tests on the Python of a Debian release, in a folder that mmdebstrap fills:
#     .ci/on_debian.sh [RELEASE [ARGUMENT OF PYTEST …]]
# RELEASE is trixie, which has Python 3.13, unless another one is given. It takes root, and mmdebstrap.
set -eu
cd "$(dirname "$0")/.."
release=${1:-trixie}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

mmdebstrap --variant=minbase --include=ca-certificates,python3-venv "$release" "$folder"
cp -L /etc/resolv.conf "$folder/etc/"
cp -L "${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}" "$folder/etc/ssl/certs/ca-certificates.crt"
mkdir "$folder/keras_dlnotes"
git archive HEAD | tar -x -C "$folder/keras_dlnotes"

# the mounts are seen by these commands alone, and gone after them
unshare --mount bash -eu -c '
    folder=$1
    mount -t proc proc "$folder/proc"
    mount --rbind /dev "$folder/dev"
    exec chroot "$folder" bash -eu -c "
        cd /keras_dlnotes
        python3 --version
        python3 -m venv /venv
        /venv/bin/pip install --quiet --editable \".[dev,jax]\"
        export TF_CPP_MIN_LOG_LEVEL=3 MPLBACKEND=agg PYTHONHASHSEED=0
        /venv/bin/python tests/on_backend.py --quick tensorflow \"\$@\"
        /venv/bin/python tests/on_backend.py --quick jax \"\$@\"
    " "$0" "${@:2}"
' "$0" "$folder" "${@:2}"
