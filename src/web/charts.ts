/** The page's two charts, by Chart.js. */
import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  Tooltip,
} from 'chart.js';
import type { KernelTime } from './engine.ts';

Chart.register(
  BarController,
  BarElement,
  CategoryScale,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  Tooltip,
);

/** Kernels that a chart has room for; the shortest beyond them are not drawn. */
const shownKernels = 12;

function colours() {
  const style = getComputedStyle(document.documentElement);
  return { text: style.getPropertyValue('color'), line: '#8a94a6', fill: '#4c9be8' };
}

function drawn(canvas: HTMLCanvasElement, create: () => Chart): Chart {
  Chart.getChart(canvas)?.destroy();
  return create();
}

/** Loss by step. */
export function drawLosses(canvas: HTMLCanvasElement, losses: readonly number[]): void {
  const { text, line, fill } = colours();
  const axis = (title: string) => ({
    title: { display: true, text: title, color: text },
    ticks: { color: text },
    grid: { color: `${line}40` },
  });
  drawn(
    canvas,
    () =>
      new Chart(canvas, {
        type: 'line',
        data: {
          labels: losses.map((_, step) => step + 1),
          datasets: [
            {
              data: [...losses],
              borderColor: fill,
              backgroundColor: fill,
              borderWidth: 2,
              pointRadius: losses.length > 40 ? 0 : 3,
            },
          ],
        },
        options: { animation: false, maintainAspectRatio: false, scales: { x: axis('step'), y: axis('loss') } },
      }),
  );
}

/** Milliseconds by kernel, the longest first. */
export function drawKernels(canvas: HTMLCanvasElement, kernels: readonly KernelTime[]): void {
  const { text, line, fill } = colours();
  const shown = kernels.slice(0, shownKernels);
  drawn(
    canvas,
    () =>
      new Chart(canvas, {
        type: 'bar',
        data: {
          labels: shown.map(({ kernel, calls }) => `${kernel} (${calls})`),
          datasets: [{ data: shown.map(({ milliseconds }) => milliseconds), backgroundColor: fill }],
        },
        options: {
          animation: false,
          maintainAspectRatio: false,
          indexAxis: 'y',
          scales: {
            x: {
              title: { display: true, text: 'milliseconds', color: text },
              ticks: { color: text },
              grid: { color: `${line}40` },
            },
            y: { ticks: { color: text, autoSkip: false, font: { size: 10 } }, grid: { display: false } },
          },
        },
      }),
  );
}
