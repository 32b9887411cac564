/** The loops of a disassembled kernel, what each is made of, and how often it goes round. */
import { added, countsOf, noInstructions, type InstructionCounts } from './instructions.ts';

export interface Loop {
  /** Everything from its head to its last jump back, inner loops once. */
  readonly body: InstructionCounts;
  /** The same without inner loops. */
  readonly own: InstructionCounts;
  /** Rounds in each round of the loop around it, by its counter; undefined where none counts from one constant to another. */
  readonly rounds: number | undefined;
  readonly inner: readonly Loop[];
}

export interface Disassembly {
  /** Outside of any loop. */
  readonly straight: InstructionCounts;
  readonly loops: readonly Loop[];
  /** Lanes of a wave, as the compiler chose. */
  readonly lanes: 32 | 64;
}

interface Block {
  readonly number: number;
  readonly instructions: readonly string[];
}

/** Blocks in the order of the text; a run of equal hints that the printer shortens counts once. */
function blocksOf(lines: readonly string[]): Block[] {
  const blocks: { number: number; instructions: string[] }[] = [];
  for (const line of lines) {
    const [, number] = /^BB(\d+):/.exec(line) ?? [];
    if (number !== undefined) {
      blocks.push({ number: Number(number), instructions: [] });
    } else if (line.startsWith('\t') && !line.startsWith('\t(')) {
      blocks.at(-1)?.instructions.push(line.split(';')[0]!.trim());
    }
  }
  return blocks;
}

const constant = '(-?\\d+|0x[0-9a-f]+)';
const wide = (text: string): number => Number(text) & 0xffff_ffff;

const constantWrite = new RegExp(`^(?:s_mov|s_movk|v_mov|v_dual_mov)_\\w+ [sv]\\d+, ${constant}$`);
const pairWrite = new RegExp(`^s_mov_b64 s\\[\\d+:\\d+\\], ${constant}$`);

/** Whether an instruction writes the register, alone or among several. */
function writesTo(text: string, register: string): boolean {
  const [, kind, first, last] = /^\w+ ([sv])\[?(\d+)(?::(\d+)\])?,/.exec(text) ?? [];
  const number = Number(register.slice(1));
  return kind === register.charAt(0) && Number(first) <= number && number <= Number(last ?? first);
}

/** What a register was last set to before the loop; undefined where that was no constant. */
function startOf(before: readonly string[], register: string): number | undefined {
  const last = before.flatMap((text) => text.split(' :: ')).findLast((text) => writesTo(text, register)) ?? '';
  const value = constantWrite.exec(last)?.[1];
  if (value !== undefined) {
    return wide(value);
  }
  const isUpper = last.includes(`:${register.slice(1)}]`);
  const pair = pairWrite.exec(last)?.[1];
  if (pair !== undefined) {
    return isUpper ? (Number(pair) < 0 ? -1 : 0) : wide(pair);
  }
  return /^s_bfm_b64 \S+, 32, 0$/.test(last) ? (isUpper ? 0 : -1) : undefined; // the lower 32 bits set
}

/** More than any loop of a kernel has: such a number was no limit. */
const mostRounds = 2 ** 20;

const scalarLimit = new RegExp(`^s_cmpk?_(?:ge|lt)_[iu]32 (?<register>s\\d+), (?<value>${constant})$`);
/** The counter may be as large as the constant; a comparison with 0 is no counter's. */
const inclusiveLimit = new RegExp(`^s_cmp_lt_[iu]32 (?!0, )(?<value>${constant}), (?<register>s\\d+)$`);
const vectorLimit = new RegExp(
  `^v_cmpx?_(?:le|gt)_[iu]32\\w* (?:vcc(?:_lo)?, |s\\d+, |s\\[[\\d:]+\\], )?(?<value>${constant}), (?<register>v\\d+)$`,
);
const scalarStep = new RegExp(`^s_add_[iu]32 (?<register>s\\d+), \\k<register>, (?<value>${constant})$`);
const shortStep = new RegExp(`^s_addk_i32 (?<register>s\\d+), (?<value>${constant})$`);
const vectorStep = new RegExp(`^v_add_(?:nc_)?[iu]32\\w* (?<register>v\\d+), (?<value>${constant}), \\k<register>$`);

/** Registers and the constants that go with them, where an instruction is one of the given kinds. */
function constantsIn(body: readonly string[], patterns: readonly RegExp[]): { register: string; value: number }[] {
  return body.flatMap((text) =>
    patterns.flatMap((pattern) => {
      const { register, value } = pattern.exec(text)?.groups ?? {};
      return register && value ? [{ register, value: wide(value) }] : [];
    }),
  );
}

/**
 * Rounds of a loop whose counter grows by a constant until it is compared with another. A counter that a lane's number starts
 * counts as if from zero. Dawn's own counter, which ends loops that never would, counts down and is not taken.
 */
function roundsOf(body: readonly string[], before: readonly string[]): number | undefined {
  const steps = constantsIn(body, [scalarStep, shortStep, vectorStep]);
  const roundsUpTo = (pattern: RegExp, beyond: number): number[] =>
    constantsIn(body, [pattern]).flatMap(({ register, value }) => {
      const own = steps.filter((step) => step.register === register);
      const from = register.startsWith('v') ? 0 : startOf(before, register);
      const count = own.length === 1 && from !== undefined ? Math.ceil((value + beyond - from) / own[0]!.value) : 0;
      return count > 0 && count <= mostRounds ? [count] : [];
    });
  const scalar = [...roundsUpTo(scalarLimit, 0), ...roundsUpTo(inclusiveLimit, 1)];
  // A comparison of lanes counts where no scalar one does: others are checks of indices.
  const rounds = scalar.length > 0 ? scalar : roundsUpTo(vectorLimit, 0);
  return rounds.length > 0 ? Math.min(...rounds) : undefined;
}

interface Range {
  readonly first: number;
  readonly last: number;
}

/** From the target of each jump back to the last jump there. */
function rangesOf(blocks: readonly Block[]): Range[] {
  const at = new Map(blocks.map(({ number }, index) => [number, index]));
  const ends = new Map<number, number>();
  blocks.forEach(({ instructions }, index) =>
    instructions.forEach((text) => {
      const [, target] = /^s_c?branch\S*\s+BB(\d+)/.exec(text) ?? [];
      const first = target === undefined ? undefined : at.get(Number(target));
      if (first !== undefined && first <= index) {
        ends.set(first, Math.max(index, ends.get(first) ?? 0));
      }
    }),
  );
  return [...ends].map(([first, last]) => ({ first, last })).sort((a, b) => a.first - b.first || b.last - a.last);
}

const total = (texts: readonly string[]): InstructionCounts =>
  texts.reduce((sum, text) => added(sum, countsOf(text)), noInstructions);

export function disassembled(lines: readonly string[]): Disassembly {
  const blocks = blocksOf(lines);
  const ranges = rangesOf(blocks);
  const textOf = (first: number, end: number) => blocks.slice(first, end).flatMap(({ instructions }) => instructions);
  const inside = (outer: Range, { first, last }: Range) =>
    outer.first <= first && last <= outer.last && !(outer.first === first && outer.last === last);
  /** The loops of some ranges that no other of them holds. */
  const outermost = (of: readonly Range[]): Range[] => of.filter((range) => !of.some((other) => inside(other, range)));
  const loopOf = (range: Range): Loop => {
    const innerRanges = outermost(ranges.filter((other) => inside(range, other)));
    const inner = innerRanges.map(loopOf);
    const ownText = blocks
      .slice(range.first, range.last + 1)
      .filter((_, i) => !innerRanges.some(({ first, last }) => first <= range.first + i && range.first + i <= last))
      .flatMap(({ instructions }) => instructions);
    const own = total(ownText);
    return {
      body: inner.reduce((sum, loop) => added(sum, loop.body), own),
      own,
      rounds: roundsOf(ownText, textOf(0, range.first)),
      inner,
    };
  };
  const loops = outermost(ranges).map(loopOf);
  const all = textOf(0, blocks.length);
  return {
    straight: loops.reduce((sum, loop) => added(sum, loop.body, -1), total(all)),
    loops,
    lanes: all.some((text) => /\bexec_lo\b|\bvcc_lo\b/.test(text)) ? 32 : 64,
  };
}
