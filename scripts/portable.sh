#!/usr/bin/env bash
# Packs node, volsam, its bench and check, Dawn's Linux binding and the Vulkan loader into one archive for a bare x86-64 Linux
# machine with a GPU driver and no network:
#   bash scripts/portable.sh [volsam-portable.tar.xz]
# There: tar xf volsam-portable.tar.xz && volsam-portable/check, which tells in six minutes what is right and how fast it is, or
# volsam-portable/bench for every op; both leave their figures in volsam-portable/results. volsam-portable/volsam is the command line.
set -euo pipefail
cd "$(dirname "$0")/.."
archive=$(realpath -m "${1:-volsam-portable.tar.xz}")
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
root="$stage/volsam-portable"
mkdir -p "$root/bin" "$root/lib" "$root/app/node_modules/webgpu/dist"

npm run -s build
npx tsx scripts/bundle-portable.ts "$root/app"
cp weights/demo/* "$root/app/"
mkdir -p "$root/app/test/goldens"
cp test/goldens/*.safetensors "$root/app/test/goldens/"
cp "$(command -v node)" "$root/bin/node"
strip --strip-unneeded "$root/bin/node" 2>/dev/null || true
cp node_modules/webgpu/package.json node_modules/webgpu/index.js "$root/app/node_modules/webgpu/"
cp -r node_modules/webgpu/dist/linux-x64 "$root/app/node_modules/webgpu/dist/"
cp -r node_modules/benchmark node_modules/lodash node_modules/platform "$root/app/node_modules/"
# awk reads to the end: a pipe that is closed early ends this script under pipefail.
loader=$(ldconfig -p | awk '/libvulkan\.so\.1 .*x86-64/ && !found { found = $NF } END { print found }')
cp "${loader:?libvulkan.so.1 is missing: npm run driver installs it}" "$root/lib/libvulkan.so.1"

cat > "$root/run" <<'RUN'
#!/bin/sh
# Runs a script of app/ with the packed node and Vulkan loader.
here=$(cd "$(dirname "$0")" && pwd)
script=$1
shift
export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
# Containers often have NVIDIA's libraries without the file that tells the loader of them.
if [ -z "$VK_DRIVER_FILES" ] && ldconfig -p 2>/dev/null | grep -q libGLX_nvidia.so.0 && ! ls /etc/vulkan/icd.d/nvidia* /usr/share/vulkan/icd.d/nvidia* >/dev/null 2>&1; then
  printf '{"file_format_version":"1.0.0","ICD":{"library_path":"libGLX_nvidia.so.0","api_version":"1.3.0"}}' > "$here/lib/nvidia_icd.json"
  export VK_DRIVER_FILES="$here/lib/nvidia_icd.json"
fi
exec "$here/bin/node" "$here/app/$script" "$@"
RUN
printf '#!/bin/sh\nhere=$(cd "$(dirname "$0")" && pwd)\nexec "$here/run" bench/run.js --save --out "$here/results" "$@"\n' > "$root/bench"
cat > "$root/check" <<'CHECK'
#!/bin/sh
# Results go to results/, or to $VOLSAM_CHECK_OUT; the folder of bench_torch.py is reference/, or $VOLSAM_REFERENCE.
here=$(cd "$(dirname "$0")" && pwd)
out=${VOLSAM_CHECK_OUT:-$here/results}
reference=$(realpath -m "${VOLSAM_REFERENCE:-$here/reference}")
mkdir -p "$out"
out=$(realpath "$out")
cd "$here/app"
exec "$here/run" bench/check.js --out "$out" --reference "$reference" "$@"
CHECK
printf '#!/bin/sh\nexec "$(cd "$(dirname "$0")" && pwd)/run" cli.js "$@"\n' > "$root/volsam"
chmod +x "$root/run" "$root/bench" "$root/check" "$root/volsam"
XZ_OPT='-6 -T0' tar -C "$stage" -cJf "$archive" volsam-portable
bytes=$(stat -c %s "$archive")
echo "$archive: $bytes bytes"
if [ "$bytes" -ge 60000000 ]; then
  echo "portable: over 60 MB" >&2
  exit 1
fi
