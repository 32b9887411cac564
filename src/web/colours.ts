/** One colour a lesion, which people who see no red or green can distinguish too (Okabe and Ito's). */
const palette: readonly (readonly [number, number, number])[] = [
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [240, 228, 66],
  [0, 114, 178],
  [213, 94, 0],
  [204, 121, 167],
];

/** @param value of the lesion in the label map, from 1 @returns red, green and blue, 0 to 255 */
export function colourOf(value: number): readonly [number, number, number] {
  return palette[(value - 1) % palette.length]!;
}
