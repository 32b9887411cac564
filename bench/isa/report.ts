/** Rows and totals of a compiler's view, as JSON and as a table. */
import type { Wanted } from './compiled-form.ts';
import type { FormView } from './compiler-view.ts';
import { estimate } from './estimate.ts';
import type { GpuRates } from './gpus.ts';
import type { InstructionCounts } from './instructions.ts';
import type { Loop } from './loops.ts';

export interface LoopRow extends InstructionCounts {
  /** Rounds in each round of the loop around it; null where no counter was found. */
  readonly rounds: number | null;
  /** Loops around it. */
  readonly depth: number;
}

export interface Row {
  readonly kernel: string;
  readonly form: string;
  /** Matrices and lanes that its text was fitted to. */
  readonly fit: string;
  readonly shape: string;
  readonly layer: string;
  /** Forms of one number are alternatives. */
  readonly dispatch: number;
  /** Equal dispatches in the pass; `gflop` and `milliseconds` are of all of them. */
  readonly count: number;
  readonly gflop: number;
  readonly workgroups: number;
  readonly vgprs: number;
  readonly scratchBytes: number;
  readonly spills: number;
  readonly ldsBytes: number;
  readonly waves: number;
  readonly waveLanes: number;
  readonly instructions: number;
  readonly codeBytes: number;
  /** Estimated; null for a GPU whose rates are not known. */
  readonly milliseconds: number | null;
  readonly boundBy: string;
  /** The main loop first: the innermost with most multiply-adds or matrix products. */
  readonly loops: readonly LoopRow[];
}

export interface KernelTotal {
  readonly kernel: string;
  readonly gflop: number;
  /** Of the form with the least estimate for each shape. */
  readonly milliseconds: number | null;
}

export interface IsaReport extends Wanted {
  readonly gpu: string;
  readonly product: string | null;
  /** Null for a GPU whose rates are not known. */
  readonly computeUnits: number | null;
  readonly rows: readonly Row[];
  readonly totals: {
    readonly gflop: number;
    readonly milliseconds: number | null;
    readonly kernels: readonly KernelTotal[];
  };
}

const productWeight = 1000;

/** All loops, the main one first and the others as they stand. */
function loopRows(loops: readonly Loop[]): LoopRow[] {
  const rows = (of: readonly Loop[], depth: number): (LoopRow & { work: number })[] =>
    of.flatMap(({ body, own, rounds, inner }) => [
      { ...body, rounds: rounds ?? null, depth, work: own.fma + productWeight * own.matrix },
      ...rows(inner, depth + 1),
    ]);
  const all = rows(loops, 0);
  const most = Math.max(0, ...all.map(({ work }) => work));
  const first = all.findIndex(({ work }) => work > 0 && work === most);
  const ordered = first > 0 ? [all[first]!, ...all.filter((_, i) => i !== first)] : all;
  return ordered.map(({ work: _, ...row }) => row);
}

function rowOf(view: FormView, rates: GpuRates | undefined): Row {
  const found = rates && estimate(view, rates);
  return {
    kernel: view.kernel,
    form: view.form,
    fit: view.fit,
    shape: view.shape,
    layer: view.layer,
    dispatch: view.dispatch,
    count: view.count,
    gflop: (view.operations * view.count) / 1e9,
    workgroups: view.workgroups,
    vgprs: view.vgprs,
    scratchBytes: view.scratchBytes,
    spills: view.spills,
    ldsBytes: view.ldsBytes,
    waves: view.waves,
    waveLanes: view.disassembly.lanes,
    instructions: view.instructions,
    codeBytes: view.codeBytes,
    milliseconds: found ? found.milliseconds * view.count : null,
    boundBy: found?.boundBy ?? '',
    loops: loopRows(view.disassembly.loops),
  };
}

const time = ({ milliseconds }: { milliseconds: number | null }): number => milliseconds ?? 0;

/** The form of each dispatch with the least estimate; the first where there is none. */
export function fastestRows(rows: readonly Row[]): Row[] {
  const best = new Map<number, Row>();
  for (const row of rows) {
    const before = best.get(row.dispatch);
    if (before === undefined || time(row) < time(before)) {
      best.set(row.dispatch, row);
    }
  }
  return [...best.values()];
}

export function reportOf(
  gpu: string,
  wanted: Wanted,
  views: readonly FormView[],
  rates: GpuRates | undefined,
): IsaReport {
  const rows = views.map((view) => rowOf(view, rates));
  const fastest = fastestRows(rows);
  const sum = (of: readonly Row[], value: (row: Row) => number) => of.reduce((total, row) => total + value(row), 0);
  const totalOf = (kernel: string): KernelTotal => {
    const own = fastest.filter((row) => row.kernel === kernel);
    return { kernel, gflop: sum(own, ({ gflop }) => gflop), milliseconds: rates ? sum(own, time) : null };
  };
  return {
    gpu,
    ...wanted,
    product: rates?.product ?? null,
    computeUnits: rates?.computeUnits ?? null,
    rows,
    totals: {
      gflop: sum(fastest, ({ gflop }) => gflop),
      milliseconds: rates ? sum(fastest, time) : null,
      kernels: [...new Set(rows.map(({ kernel }) => kernel))].map(totalOf).sort((a, b) => time(b) - time(a)),
    },
  };
}

/** Instructions of the main loop for each multiply-add, or others for each matrix product. */
export function leanness({ loops: [main] }: Row): string {
  if (!main || main.fma + main.matrix === 0) {
    return '';
  }
  return main.matrix > 0
    ? `${((main.instructions - main.matrix) / main.matrix).toFixed(1)} others/matrix`
    : `${(main.instructions / main.fma).toFixed(2)}/fma`;
}

function loopLine({
  depth,
  rounds,
  instructions,
  fma,
  matrix,
  float,
  integer,
  lds,
  lds16bit,
  global,
  scratch,
  scalar,
  waits,
}: LoopRow): string {
  const kinds = { fma, matrix, float, integer, lds, 'of 16 bits': lds16bit, global, scratch, scalar, waits };
  const said = Object.entries(kinds).filter(([, count]) => count > 0);
  return `      ${'  '.repeat(depth)}loop of ${instructions}${rounds === null ? '' : `, ${rounds} rounds`}: ${said.map(([kind, count]) => `${kind} ${count}`).join(', ')}`;
}

const columns: readonly [title: string, cell: (row: Row) => string][] = [
  ['form', ({ form, fit }) => (fit ? `${form} (${fit})` : form)],
  ['shape', ({ shape, layer }) => shape || layer],
  ['count', ({ count }) => String(count)],
  ['GFLOP', ({ gflop }) => gflop.toFixed(2)],
  ['VGPRs', ({ vgprs }) => String(vgprs)],
  ['spills', ({ spills }) => String(spills)],
  ['scratch', ({ scratchBytes }) => String(scratchBytes)],
  ['LDS', ({ ldsBytes }) => String(ldsBytes)],
  ['waves', ({ waves, waveLanes }) => `${waves}x${waveLanes}`],
  ['instr', ({ instructions }) => String(instructions)],
  ['code', ({ codeBytes }) => String(codeBytes)],
  ['main loop', leanness],
  ['est. ms', ({ milliseconds }) => milliseconds?.toFixed(3) ?? ''],
  ['bound by', ({ boundBy }) => boundBy],
];

/** Dispatches, each in its fastest form, that have fewer workgroups than the GPU has compute units. */
function idleLines({ rows, computeUnits }: IsaReport): string[] {
  const idle = fastestRows(rows).filter(({ workgroups }) => workgroups < (computeUnits ?? 0));
  return idle.length === 0
    ? []
    : [
        '',
        `Dispatches with fewer workgroups than the GPU has compute units (${computeUnits}):`,
        ...idle
          .sort((a, b) => time(b) - time(a))
          .map(
            ({ form, shape, layer, count, workgroups, milliseconds }) =>
              `${form.padEnd(36)} ${(shape || layer).padEnd(28)} ${count} x ${workgroups} workgroups, ${milliseconds!.toFixed(3)} ms`,
          ),
      ];
}

/** @param withLoops also a line for each loop */
export function tableOf(report: IsaReport, withLoops: boolean): string {
  const { gpu, product, pass, config, precision, rows, totals } = report;
  const ordered = [...rows].sort((a, b) => b.gflop - a.gflop || a.dispatch - b.dispatch);
  const cells = ordered.map((row) => columns.map(([, cell]) => cell(row)));
  const widths = columns.map(([title], i) => Math.max(title.length, ...cells.map((line) => line[i]!.length)));
  const line = (texts: readonly string[]) =>
    texts
      .map((text, i) => (i < 2 || i === texts.length - 1 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  const body = ordered.flatMap((row, i) => [line(cells[i]!), ...(withLoops ? row.loops.map(loopLine) : [])]);
  const kernels = totals.kernels.map(
    ({ kernel, gflop, milliseconds }) =>
      `${kernel.padEnd(36)} ${gflop.toFixed(1).padStart(9)} GFLOP${milliseconds === null ? '' : ` ${milliseconds.toFixed(2).padStart(9)} ms`}`,
  );
  const total = `${'all'.padEnd(36)} ${totals.gflop.toFixed(1).padStart(9)} GFLOP${totals.milliseconds === null ? '' : ` ${totals.milliseconds.toFixed(2).padStart(9)} ms`}`;
  return [
    `${gpu}${product ? ` (${product})` : ', whose rates are not known: no estimate'}: ${pass}, ${config}, ${precision}`,
    '',
    line(columns.map(([title]) => title)),
    ...body,
    '',
    'The fastest form of each shape, by the estimate:',
    ...kernels,
    total,
    ...idleLines(report),
  ].join('\n');
}
