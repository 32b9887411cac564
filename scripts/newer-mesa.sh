#!/usr/bin/env bash
# Runs a command with the Mesa of Debian's unstable release, whose lavapipe has matrix units (f16, 8 x 8 x 8), as root on
# Debian or Ubuntu:
#   bash scripts/newer-mesa.sh npx vitest run test/ops -t subgroup-matrix
# The first call makes a root folder in the cache directory by mmdebstrap: half a minute, some 700 MB. The project and
# this machine's node are mounted into it for as long as the command runs.
set -euo pipefail
project=$(cd "$(dirname "$0")/.." && pwd)
root=${XDG_CACHE_HOME:-$HOME/.cache}/volsam/newer-mesa
if [ ! -e "$root/made" ]; then
  command -v mmdebstrap > /dev/null || apt-get install -y -qq mmdebstrap > /dev/null
  echo "newer-mesa: making $root" >&2
  rm -rf "$root"
  mkdir -p "$(dirname "$root")"
  # A mirror that is behind is good enough.
  mmdebstrap --quiet --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' --include=mesa-vulkan-drivers,libvulkan1,libatomic1 \
    unstable "$root"
  touch "$root/made"
fi
mkdir -p "$root$project"
touch "$root/usr/local/bin/node"
export root project node="$(readlink -f "$(command -v node)")" npm="$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")"
mkdir -p "$root$npm"
ln -sf "$npm/bin/npm-cli.js" "$root/usr/local/bin/npm"
ln -sf "$npm/bin/npx-cli.js" "$root/usr/local/bin/npx"
# A namespace of its own: the mounts end with the command.
exec unshare --mount bash -euo pipefail -c '
  mount --bind "$project" "$root$project"
  mount --bind "$node" "$root/usr/local/bin/node"
  mount --bind "$npm" "$root$npm"
  mount -t proc proc "$root/proc"
  mount --bind /dev "$root/dev"
  exec chroot "$root" /usr/bin/env -u NODE_EXTRA_CA_CERTS PATH=/usr/local/bin:/usr/bin:/bin XDG_RUNTIME_DIR=/tmp bash -c "cd \"$project\" && exec \"\$@\"" bash "$@"
' bash "$@"
