/** Label maps that a formula draws. */

/** @returns grids of `dims`, with `value` where the formula holds and 0 elsewhere */
export function gridsOf([width, height, depth]: readonly [number, number, number]) {
  return (inLesion: (i: number, j: number, k: number) => boolean, value = 3): Uint8Array =>
    Uint8Array.from(
      { length: width * height * depth },
      (_, index) =>
        Number(inLesion(index % width, Math.floor(index / width) % height, Math.floor(index / (width * height)))) *
        value,
    );
}
