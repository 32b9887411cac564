/** Random numbers that are pure functions of a name and an index: nothing has to be saved to draw the same ones again. */

/** FNV-1a of a name. */
function hashOf(name: string): number {
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode(name)) {
    hash = Math.imul(hash ^ byte, 16777619);
  }
  return hash;
}

/** A value in [0, 1) of 24 bits: murmur3's finaliser of the index. */
function uniformAt(hash: number, index: number): number {
  let x = (Math.imul(index, 0x9e3779b1) + hash) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  x = (x ^ (x >>> 16)) >>> 0;
  return (x >>> 8) * 2 ** -24;
}

/** `count` values in [0, 1), a pure function of name and index. */
export function uniform(name: string, count: number): Float32Array {
  const hash = hashOf(name);
  return Float32Array.from({ length: count }, (_, i) => uniformAt(hash, i));
}

export interface Random {
  /** In [0, 1). */
  next(): number;
  between(low: number, high: number): number;
  /** A whole number from 0 to count - 1. */
  below(count: number): number;
  /** Of mean 0 and standard deviation 1. */
  normal(): number;
}

/** The values in an order that the name determines. */
export function shuffled<T>(values: readonly T[], name: string): T[] {
  const random = randomOf(name);
  const order = [...values];
  for (let i = order.length - 1; i > 0; i--) {
    const other = random.below(i + 1);
    [order[i], order[other]] = [order[other]!, order[i]!];
  }
  return order;
}

/** A stream of random numbers that its name alone determines. */
export function randomOf(name: string): Random {
  const hash = hashOf(name);
  let index = 0;
  const next = () => uniformAt(hash, index++);
  return {
    next,
    between: (low, high) => low + (high - low) * next(),
    below: (count) => Math.floor(next() * count),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  };
}
