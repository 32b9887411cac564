/** Instructions of AMD's GPUs as Mesa's ACO prints them, by what they do. */

/** How many there are of each kind, of a wave. */
export interface InstructionCounts {
  readonly instructions: number;
  /** Multiply-adds of a lane: of a dual or packed instruction both. */
  readonly fma: number;
  /** Products of matrices. */
  readonly matrix: number;
  /** Other additions, multiplications, comparisons and conversions of floats, of a lane. */
  readonly float: number;
  /** exp2, log2, reciprocals, roots, sines: at a quarter of the rate. */
  readonly transcendental: number;
  /** The rest of the vector unit: integers, addresses, moves, comparisons. */
  readonly integer: number;
  readonly lds: number;
  /** Of these, of 16 bits a lane or fewer. */
  readonly lds16bit: number;
  /** Bytes a lane that these move. */
  readonly ldsBytes: number;
  /** Loads and stores of memory; scratch is apart, but on GCN, where it looks the same. */
  readonly global: number;
  readonly globalBytes: number;
  readonly scratch: number;
  readonly scalar: number;
  /** Waits, hints and nops. */
  readonly waits: number;
  /** Instructions that the vector unit issues; a dual one is one. */
  readonly vector: number;
}

export const noInstructions: InstructionCounts = {
  instructions: 0,
  fma: 0,
  matrix: 0,
  float: 0,
  transcendental: 0,
  integer: 0,
  lds: 0,
  lds16bit: 0,
  ldsBytes: 0,
  global: 0,
  globalBytes: 0,
  scratch: 0,
  scalar: 0,
  waits: 0,
  vector: 0,
};

const kinds = Object.keys(noInstructions) as (keyof InstructionCounts)[];

export function added(a: InstructionCounts, b: InstructionCounts, times = 1): InstructionCounts {
  const sum: Record<keyof InstructionCounts, number> = { ...a };
  for (const kind of kinds) {
    sum[kind] += times * b[kind];
  }
  return sum;
}

/** Bytes a lane of a load or store: `ds_load_b128`, `ds_read2_b32`, `buffer_load_dwordx4`, `global_load_u16`. */
function bytesOf(operation: string): number {
  const pairs = /^ds_(read2|write2|load_2addr|store_2addr)/.test(operation) ? 2 : 1;
  const [, bits] = /_[bui](\d+)(?:_|$)/.exec(operation) ?? [];
  if (bits) {
    return (pairs * Number(bits)) / 8;
  }
  const [, words] = /_dwordx(\d)/.exec(operation) ?? [];
  return words ? 4 * Number(words) : /_(short|d16)/.test(operation) ? 2 : /_(byte|ubyte|sbyte)/.test(operation) ? 1 : 4;
}

type Kind = Partial<InstructionCounts>;

/** Half precision into a register's half: `1.0 * v + -0`, a conversion and no multiply-add. */
const isConversion = (text: string) => /^v_fma_mix/.test(text) && /, 1\.0, /.test(text);

const floats =
  /^v_(dual_|pk_)?(add|sub|subrev|mul|mul_dx9_zero|min|max|med3|max3|min3|maxmin|minmax|cvt|cmpx?_\w+|fract|floor|ceil|rndne|trunc|ldexp|div_\w+)_(\w+_)?f(16|32|64)/;

function vectorKind(text: string): Kind {
  const operation = text.split(/\s/)[0]!;
  if (/wmma|mfma/.test(operation)) {
    return { matrix: 1 };
  }
  if (isConversion(text)) {
    return { float: 1 };
  }
  if (/^v_(dual_)?(fma|fmac|fmaak|fmamk|mac|mad|madak|madmk)_(mix_)?(legacy_)?f(16|32)/.test(operation)) {
    return { fma: 1 };
  }
  if (/^v_pk_(fma|fmac)/.test(operation) || /^v_(dual_)?dot2/.test(operation)) {
    return { fma: 2 };
  }
  if (/^v_(exp|log|rcp|rsq|sqrt|sin|cos)_/.test(operation)) {
    return { transcendental: 1 };
  }
  if (floats.test(operation)) {
    return { float: operation.startsWith('v_pk_') ? 2 : 1 };
  }
  return { integer: 1 };
}

/** What one printed instruction is; a dual one is two operations between `::`. */
export function countsOf(text: string): InstructionCounts {
  const one = (kind: Kind) => ({ ...noInstructions, instructions: 1, ...kind });
  const operation = text.split(/\s/)[0]!;
  if (operation.startsWith('v_')) {
    const operations = text.split(' :: ').map((part) => ({ ...noInstructions, ...vectorKind(part) }));
    return operations.reduce((sum, operation) => added(sum, operation), one({ vector: 1 }));
  }
  if (operation.startsWith('ds_')) {
    const bytes = bytesOf(operation);
    return one({ lds: 1, ldsBytes: bytes, lds16bit: bytes <= 2 ? 1 : 0 });
  }
  if (operation.startsWith('scratch_')) {
    return one({ scratch: 1 });
  }
  if (/^(buffer|global|flat|image)_/.test(operation)) {
    return one({ global: 1, globalBytes: /gl[01]_inv|wbinv/.test(operation) ? 0 : bytesOf(operation) });
  }
  return one(/^s_(wait|delay|nop|clause|sleep)/.test(operation) ? { waits: 1 } : { scalar: 1 });
}
