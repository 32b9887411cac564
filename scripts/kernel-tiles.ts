// What a kernel's source says of its tile: its sizes, and the values that are worth measuring.
import type { Tile } from '../src/kernels/kernel.ts';

type Settings = Record<string, number>;

/**
 * From the constants and overrides `tileX`: `const tileTokens = 8u * acrossRows * matrixRows;` is 8 in `tile`, and its other
 * factors stand in `tileFactors`.
 */
export function tileOf(source: string): { tile: Tile; tileFactors: Record<string, string[]> } {
  const declared = [...source.matchAll(/^(?:const|override) tile(\w)(\w*)(?:: u32)? = (.*);/gm)].map(
    ([, initial, rest, product]) => ({ axis: initial!.toLowerCase() + rest!, factors: product!.split(' * ') }),
  );
  const isNumber = (factor: string) => /^\d+u$/.test(factor);
  return {
    tile: Object.fromEntries(
      declared.map(({ axis, factors }) => [
        axis,
        factors.filter(isNumber).reduce((product, factor) => product * Number.parseInt(factor, 10), 1),
      ]),
    ),
    tileFactors: Object.fromEntries(
      declared
        .map(({ axis, factors }) => [axis, factors.filter((factor) => !isNumber(factor))] as const)
        .filter(([, names]) => names.length > 0),
    ),
  };
}

/** A line of the head such as `tuned tileX x tileY: 64 x 64, 128 x 64`; one without values where there is no such line. */
export function settingsOf(file: string, source: string, word: string): Settings[] {
  const line = new RegExp(`^// ${word} +(.*): (.*)$`, 'm').exec(source);
  if (!line) {
    return [{}];
  }
  const names = line[1]!.split(' x ');
  const settings = line[2]!
    .split(', ')
    .map((values) => Object.fromEntries(values.split(' x ').map((value, i) => [names[i]!, Number(value)])));
  const isDeclared = (name: string) => new RegExp(`^(const ${name}|override ${name}: u32) = \\d+u;`, 'm').test(source);
  if (
    !names.every(isDeclared) ||
    settings.some(
      (values) => Object.values(values).length !== names.length || !Object.values(values).every(Number.isInteger),
    )
  ) {
    throw new Error(
      `kernels/${file}: "${line[0]}"; expected whole numbers for overrides or constants that the file gives a number`,
    );
  }
  return settings;
}
