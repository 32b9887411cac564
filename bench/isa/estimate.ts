/**
 * How long a dispatch would take by issue rates alone. Assumed:
 *   - every loop goes round as its counter says; one without a readable counter as often as makes the operations come out
 *     (all such loops of a kernel alike), at least once; all branches are taken;
 *   - a SIMD's vector and scalar units, and a compute unit's LDS and path to memory, each work without a gap and beside each
 *     other: other waves hide every wait. The slowest of them is the time;
 *   - the vector unit takes a wave's instruction in lanes / SIMD lanes cycles, four times that for exp2, reciprocals and roots;
 *     products of matrices run on it too;
 *     LDS moves 128 bytes a cycle, the path to memory 64, each at least an instruction a cycle; no bank conflicts;
 *   - scratch goes the path to memory, 16 bytes a lane and instruction;
 *   - workgroups are dealt evenly over the compute units, in whole rounds;
 *   - memory moves each tensor of the dispatch once, at its full rate.
 * So it is a lower bound: forms and commits compare by it, GPUs do not.
 */
import type { FormView } from './compiler-view.ts';
import type { GpuRates } from './gpus.ts';
import { added, type InstructionCounts } from './instructions.ts';
import type { Disassembly, Loop } from './loops.ts';

/** What a wave executes, loops with their rounds. @param unknown rounds of loops without a readable counter */
function executed({ straight, loops }: Disassembly, unknown: number): InstructionCounts {
  const ofLoop = (sum: InstructionCounts, { own, rounds, inner }: Loop, outer: number): InstructionCounts => {
    const times = outer * (rounds ?? unknown);
    return inner.reduce((total, loop) => ofLoop(total, loop, times), added(sum, own, times));
  };
  return loops.reduce((sum, loop) => ofLoop(sum, loop, 1), straight);
}

const hasUnknown = (loops: readonly Loop[]): boolean =>
  loops.some(({ rounds, inner }) => rounds === undefined || hasUnknown(inner));

/** Operations of a matrix product, 16 x 16 x 16. */
const matrixOperations = 2 * 16 ** 3;

/** Rounds of the loops that have no readable counter: those that make the dispatch's operations come out. */
function unknownRounds({ operations, disassembly }: FormView, waves: number): number {
  if (!hasUnknown(disassembly.loops)) {
    return 1;
  }
  const wanted = operations / waves;
  const made = (rounds: number) => {
    const { fma, float, matrix } = executed(disassembly, rounds);
    return disassembly.lanes * (2 * fma + float) + matrixOperations * matrix;
  };
  let [least, most] = [1, 2 ** 16];
  while (most - least > 0.01) {
    const middle = (least + most) / 2;
    [least, most] = made(middle) < wanted ? [middle, most] : [least, middle];
  }
  return least;
}

export interface Estimate {
  /** Of one dispatch. */
  readonly milliseconds: number;
  readonly boundBy: string;
}

export function estimate(view: FormView, gpu: GpuRates): Estimate {
  const { lanes } = view.disassembly;
  const wavesPerWorkgroup = Math.ceil(view.invocations / lanes);
  const counts = executed(view.disassembly, unknownRounds(view, wavesPerWorkgroup * view.workgroups));
  const wavesPerUnit = Math.ceil(view.workgroups / gpu.computeUnits) * wavesPerWorkgroup;
  const wavesPerSimd = wavesPerUnit / Math.min(gpu.simdsPerUnit, wavesPerUnit);
  const passes = Math.max(1, lanes / gpu.simdLanes);
  const isGcn = gpu.simdLanes === 16;
  const cycles = {
    'vector unit':
      wavesPerSimd *
      (passes * (counts.vector - counts.matrix + 3 * counts.transcendental) + counts.matrix * (gpu.matrixCycles ?? 0)),
    'scalar unit': wavesPerSimd * counts.scalar * (isGcn ? gpu.simdsPerUnit : 1),
    LDS: wavesPerUnit * Math.max(counts.lds, (lanes * counts.ldsBytes) / 128),
    'path to memory':
      wavesPerUnit *
      Math.max(counts.global + counts.scratch, (lanes * (counts.globalBytes + 16 * counts.scratch)) / 64),
  };
  const [boundBy, most] = Object.entries(cycles).reduce((a, b) => (b[1] > a[1] ? b : a));
  const [issue, memory] = [most / gpu.gigahertz / 1e6, view.bytes / gpu.gigabytesPerSecond / 1e6];
  return memory > issue ? { milliseconds: memory, boundBy: 'memory' } : { milliseconds: issue, boundBy };
}
