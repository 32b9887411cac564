/** Self-contained HTML pages: text, tables, pictures and charts in one file that needs no network. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { maskColour, truthColour } from '../../lesions/overlay.ts';

export type Section =
  | { readonly kind: 'text'; readonly title: string; readonly lines: readonly string[] }
  | {
      readonly kind: 'table';
      readonly title: string;
      readonly head: readonly string[];
      readonly rows: readonly (readonly string[])[];
    }
  | {
      readonly kind: 'pictures';
      readonly title: string;
      /** What the outlines' colours mean. */
      readonly legend?: readonly { readonly label: string; readonly colour: readonly number[] }[];
      readonly pictures: readonly { readonly caption: string; readonly png: Uint8Array }[];
    }
  | { readonly kind: 'chart'; readonly title: string; readonly chart: object };

/** The legend of pictures that show both. */
export const truthAndMask = [
  { label: 'truth', colour: truthColour },
  { label: 'prediction', colour: maskColour },
] as const;

export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

function body(section: Section, index: number): string {
  switch (section.kind) {
    case 'text':
      return section.lines.map((line) => `<p>${escaped(line)}</p>`).join('\n');
    case 'table': {
      const row = (cells: readonly string[], tag: string) =>
        `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
      return `<table>${row(section.head, 'th')}${section.rows.map((cells) => row(cells, 'td')).join('\n')}</table>`;
    }
    case 'pictures': {
      const legend = (section.legend ?? []).map(
        ({ label, colour }) => `<span style="--colour: rgb(${colour.join()})">${escaped(label)}</span>`,
      );
      const pictures = section.pictures
        .map(
          ({ caption, png }) =>
            `<figure><img alt="${escaped(caption)}" src="data:image/png;base64,${Buffer.from(png).toString('base64')}"><figcaption>${escaped(caption)}</figcaption></figure>`,
        )
        .join('\n');
      return legend.length > 0 ? `<p class="legend">${legend.join(' ')}</p>\n${pictures}` : pictures;
    }
    case 'chart':
      return `<div class="chart"><canvas id="chart${index}"></canvas></div>
<script>new Chart(document.getElementById('chart${index}'), ${JSON.stringify(section.chart).replace(/</g, '\\u003c')});</script>`;
  }
}

const style = `body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 72em; padding: 0 1em; color: #222; }
table { border-collapse: collapse; } th, td { padding: .2em .8em; text-align: right; border-bottom: 1px solid #ddd; } th:first-child, td:first-child { text-align: left; }
figure { margin: 1em 0; } img { max-width: 100%; } figcaption { color: #555; } .chart { height: 22em; }
.legend span { margin-right: 1.5em; } .legend span::before { content: ''; display: inline-block; width: 1.2em; height: .25em; margin-right: .4em; vertical-align: middle; background: var(--colour); outline: 1px solid #888; }
footer { margin-top: 3em; border-top: 1px solid #ddd; color: #666; font-size: .85em; overflow-wrap: anywhere; }`;

/** @param foot lines at its end: see `footOf` @returns a whole HTML document */
export async function formatPage(
  title: string,
  sections: readonly Section[],
  foot: readonly string[] = [],
): Promise<string> {
  const library = join(dirname(createRequire(import.meta.url).resolve('chart.js')), 'chart.umd.js');
  const charts = sections.some(({ kind }) => kind === 'chart')
    ? `<script>${await readFile(library, 'utf8')}</script>`
    : '';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title><style>${style}</style>${charts}</head>
<body><h1>${escaped(title)}</h1>
${sections.map((section, i) => `<h2>${escaped(section.title)}</h2>\n${body(section, i)}`).join('\n')}
<footer>
${['Research software, not a medical device.', ...foot].map((line) => `<p>${escaped(line)}</p>`).join('\n')}
</footer></body></html>
`;
}

interface Line<Value> {
  readonly label: string;
  readonly points: readonly Value[];
}

const lineColours = ['#2563eb', '#ea580c', '#16a34a', '#9333ea'];

function chartOf<Value>(lines: readonly Line<Value>[], more: object, x: object): object {
  return {
    type: 'line',
    data: {
      ...more,
      datasets: lines.map(({ label, points }, i) => ({
        label,
        data: points,
        borderColor: lineColours[i % lineColours.length],
        backgroundColor: lineColours[i % lineColours.length],
        pointRadius: points.length > 60 ? 0 : 3,
        borderWidth: 1.5,
      })),
    },
    options: { animation: false, maintainAspectRatio: false, scales: { x } },
  };
}

/** Lines over what is counted, such as epochs. */
export function countChart(
  counted: string,
  lines: readonly Line<{ readonly x: number; readonly y: number }>[],
): object {
  const title = { display: true, text: counted };
  return chartOf(lines, {}, { type: 'linear', title, ticks: { precision: 0 } });
}

/** Lines over cases, by name. */
export function caseChart(names: readonly string[], lines: readonly Line<number>[]): object {
  return chartOf(lines, { labels: names }, { type: 'category' });
}
