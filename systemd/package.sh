#!/usr/bin/env bash
# Makes the Debian package of the program that was built: target/debian/acequia_*.deb. What the program prints of itself
# (completions, the JSON Schema) goes in with it. Arguments go to cargo deb, such as --deb-version.
#
#     cargo build --release --locked && systemd/package.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

built=${CARGO_TARGET_DIR:-target}/release
if [[ ! -x $built/acequia ]]; then
    echo "package: $built/acequia is not there: run cargo build --release --locked first" >&2
    exit 1
fi
mkdir -p "$built/package"
for shell in bash zsh fish; do
    "$built/acequia" completions "$shell" >"$built/package/acequia.$shell"
done
"$built/acequia" config schema >"$built/package/acequia.schema.json"
cargo deb --locked --no-build "$@"
