#!/usr/bin/env bash
# Makes build/types/indexed_imagenet, a tree of links that has the package under its
# own name, for tools that cannot follow package_dir: mypy, import-linter, editors.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=build/types/indexed_imagenet
rm -rf "$target"
mkdir -p build/types
cp -as "$PWD/pipeline" "$target"
cp -as "$PWD/transforms" "$target/transforms"
find "$target" -name __pycache__ -prune -exec rm -rf {} +
