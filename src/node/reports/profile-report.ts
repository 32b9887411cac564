/** A profile as one self-contained page: roofline, timeline, tables. */
import type { Profile } from '../../runtime/profiler.ts';
import type { Ceilings } from '../../engine/ceilings.ts';
import { outerLayer, type ProfileRow } from '../../engine/profile-summary.ts';
import { memoryRate } from '../../engine/roofline.ts';
import { writeWhole } from '../files/disk.ts';
import type { DriverReadings } from '../gpu/driver-readings.ts';
import { formatPage, type Section } from './report-page.ts';

/** Kernels that the legend has room for; they are in order of their time. */
const shownKernels = 12;

const colours = ['#2563eb', '#ea580c', '#16a34a', '#9333ea', '#dc2626', '#0891b2', '#ca8a04', '#4b5563'];

/** The lines of a roofline: each rate of computing meets memory's, and what caches hold has a slope of its own. */
function roofs(ceilings: Ceilings, least: number, most: number): { label: string; data: { x: number; y: number }[] }[] {
  const { multiplyAdd, matrixProduct, memory } = ceilings;
  const ofMemory = memoryRate(memory.at(-1)!.bytes, ceilings);
  const ofCaches = memoryRate(memory[0]!.bytes, ceilings);
  const flat = [
    { name: 'fma in f32', rate: multiplyAdd.f32 },
    ...(multiplyAdd.f16 === undefined ? [] : [{ name: 'fma in f16', rate: multiplyAdd.f16 }]),
    ...(matrixProduct === undefined ? [] : [{ name: 'matrix units', rate: matrixProduct }]),
  ];
  const highest = Math.max(...flat.map(({ rate }) => rate));
  return [
    ...flat.map(({ name, rate }) => ({
      label: `${name}: ${rate.toFixed(0)} GFLOP/s`,
      data: [rate / ofCaches, most].map((x) => ({ x, y: rate })),
    })),
    ...[
      { name: 'memory', rate: ofMemory },
      { name: 'caches', rate: ofCaches },
    ].map(({ name, rate }) => ({
      label: `${name}: ${rate.toFixed(0)} GB/s`,
      data: [least, highest / rate].map((x) => ({ x, y: x * rate })),
    })),
  ];
}

const dashes = [[], [8, 4], [2, 3], [], [8, 4]];

/** GFLOP/s against operations a byte, both logarithmic, under the ceilings. */
function rooflineChart(rows: readonly ProfileRow[], ceilings: Ceilings): object {
  const counted = rows.filter(({ gflops: rate }) => rate > 0).slice(0, shownKernels);
  const intensities = counted.map(({ intensity }) => intensity);
  const [least, most] = [Math.min(0.1, ...intensities), Math.max(1000, ...intensities)];
  return {
    type: 'scatter',
    data: {
      datasets: [
        ...roofs(ceilings, least, most).map(({ label, data }, i) => ({
          type: 'line',
          label,
          data,
          borderColor: '#222',
          borderDash: dashes[i],
          pointRadius: 0,
          borderWidth: 1.5,
        })),
        ...counted.map(({ name, intensity, gflops: y, share }, i) => ({
          label: `${name} ${(100 * share).toFixed(1)} %`,
          data: [{ x: intensity, y }],
          backgroundColor: colours[i % colours.length],
          pointRadius: 3 + 12 * Math.sqrt(share),
        })),
      ],
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      scales: {
        x: { type: 'logarithmic', title: { display: true, text: 'operations a byte' } },
        y: { type: 'logarithmic', title: { display: true, text: 'GFLOP/s' } },
      },
      plugins: { legend: { position: 'right' } },
    },
  };
}

/** Milliseconds of each layer, in the order of the run, by kernel. */
function timelineChart({ timings }: Profile, kernels: readonly string[]): object {
  const layers = [...new Set(timings.map(({ layer }) => outerLayer(layer)))];
  const at = (kernel: string, layer: string) =>
    timings
      .filter((timing) => timing.kernel === kernel && outerLayer(timing.layer) === layer)
      .reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return {
    type: 'bar',
    data: {
      labels: layers,
      datasets: kernels.map((kernel, i) => ({
        label: kernel,
        data: layers.map((layer) => at(kernel, layer)),
        backgroundColor: colours[i % colours.length],
      })),
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      scales: { x: { stacked: true }, y: { stacked: true, title: { display: true, text: 'milliseconds' } } },
      plugins: { legend: { position: 'right' } },
    },
  };
}

export const profileHead = ['kernel', 'calls', 'ms', '+-', 'share', 'GFLOP/s', 'GB/s', 'roof', 'of it'] as const;

export function cellsOf(row: ProfileRow): string[] {
  const { name, calls, milliseconds, spread, share, gflops, gBps, roof, ofRoof } = row;
  return [
    name,
    String(calls),
    milliseconds.toFixed(2),
    `${(100 * spread).toFixed(0)} %`,
    `${(100 * share).toFixed(1)} %`,
    gflops.toFixed(1),
    gBps.toFixed(1),
    roof,
    `${(100 * ofRoof).toFixed(0)} %`,
  ];
}

const readingsHead = ['VGPRs', 'scratch', 'spills', 'LDS', 'waves', 'instructions'] as const;

/** Kernels with their times, and with what the driver said of each one's longest dispatch where it says anything. */
export function kernelTable(
  kernels: readonly ProfileRow[],
  readings: ReadonlyMap<string, DriverReadings>,
): { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] } {
  if (readings.size === 0) {
    return { head: profileHead, rows: kernels.map(cellsOf) };
  }
  const rows = kernels.map((row) => {
    const { vgprs, scratchBytes, spills, ldsBytes, waves, instructions } = readings.get(row.name)!;
    return [...cellsOf(row), ...[vgprs, scratchBytes, spills, ldsBytes, waves, instructions].map(String)];
  });
  return { head: [...profileHead, ...readingsHead], rows };
}

export async function writeProfileReport(
  path: string,
  title: string,
  lines: readonly string[],
  profile: Profile,
  kernels: readonly ProfileRow[],
  layers: readonly ProfileRow[],
  ceilings: Ceilings,
  readings: ReadonlyMap<string, DriverReadings>,
): Promise<void> {
  const shown = kernels.slice(0, colours.length).map(({ name }) => name);
  const sections: Section[] = [
    { kind: 'text', title: 'What was measured', lines },
    { kind: 'chart', title: 'Roofline', chart: rooflineChart(kernels, ceilings) },
    { kind: 'chart', title: 'Timeline, by layer', chart: timelineChart(profile, shown) },
    { kind: 'table', title: 'By kernel', ...kernelTable(kernels, readings) },
    { kind: 'table', title: 'By layer', head: ['layer', ...profileHead.slice(1)], rows: layers.map(cellsOf) },
  ];
  await writeWhole(path, new TextEncoder().encode(await formatPage(title, sections)));
}
