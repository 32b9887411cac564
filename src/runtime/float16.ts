/** IEEE half precision in and out of Uint16Array: Node 20 has no Float16Array. */

const scratch = new DataView(new ArrayBuffer(4));

/** The nearest half to a float, ties to even; too large becomes infinity. */
function toHalf(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x47800000) {
    return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
  }
  if (magnitude < 0x38800000) {
    // A subnormal half counts steps of 2^-24; Math.fround has already rounded value itself.
    return sign | roundToEven(Math.abs(Math.fround(value)) * 2 ** 24);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const above = value - floor;
  return floor + (above > 0.5 || (above === 0.5 && floor % 2 === 1) ? 1 : 0);
}

function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) {
    return sign * fraction * 2 ** -24;
  }
  if (exponent === 31) {
    return fraction ? NaN : sign * Infinity;
  }
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

let table: Float32Array | undefined;

/** Halves to floats, exactly. */
export function halvesToFloats(halves: Uint16Array): Float32Array {
  table ??= Float32Array.from({ length: 65536 }, (_, half) => fromHalf(half));
  const floats = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    floats[i] = table[halves[i]!]!;
  }
  return floats;
}

/** Floats to the nearest halves, ties to even. */
export function floatsToHalves(floats: Float32Array): Uint16Array {
  const halves = new Uint16Array(floats.length);
  for (let i = 0; i < floats.length; i++) {
    halves[i] = toHalf(floats[i]!);
  }
  return halves;
}
