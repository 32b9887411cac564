/** Self-contained HTML pages: text, tables, pictures and charts in one file that needs no network. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

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
      readonly pictures: readonly { readonly caption: string; readonly png: Uint8Array }[];
    }
  | { readonly kind: 'chart'; readonly title: string; readonly chart: object };

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
    case 'pictures':
      return section.pictures
        .map(
          ({ caption, png }) =>
            `<figure><img alt="${escaped(caption)}" src="data:image/png;base64,${Buffer.from(png).toString('base64')}"><figcaption>${escaped(caption)}</figcaption></figure>`,
        )
        .join('\n');
    case 'chart':
      return `<div class="chart"><canvas id="chart${index}"></canvas></div>
<script>new Chart(document.getElementById('chart${index}'), ${JSON.stringify(section.chart).replace(/</g, '\\u003c')});</script>`;
  }
}

const style = `body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 72em; padding: 0 1em; color: #222; }
table { border-collapse: collapse; } th, td { padding: .2em .8em; text-align: right; border-bottom: 1px solid #ddd; } th:first-child, td:first-child { text-align: left; }
figure { margin: 1em 0; } img { max-width: 100%; } figcaption { color: #555; } .chart { height: 22em; }`;

/** @returns a whole HTML document */
export async function formatPage(title: string, sections: readonly Section[]): Promise<string> {
  const library = join(dirname(createRequire(import.meta.url).resolve('chart.js')), 'chart.umd.js');
  const charts = sections.some(({ kind }) => kind === 'chart')
    ? `<script>${await readFile(library, 'utf8')}</script>`
    : '';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title><style>${style}</style>${charts}</head>
<body><h1>${escaped(title)}</h1>
${sections.map((section, i) => `<h2>${escaped(section.title)}</h2>\n${body(section, i)}`).join('\n')}
<p>Research software, not a medical device.</p></body></html>
`;
}

/** A chart of lines over a common axis. */
export function lineChart(
  axis: string,
  lines: readonly { readonly label: string; readonly points: readonly { readonly x: number; readonly y: number }[] }[],
): object {
  const colours = ['#2563eb', '#ea580c', '#16a34a', '#9333ea'];
  return {
    type: 'line',
    data: {
      datasets: lines.map(({ label, points }, i) => ({
        label,
        data: points,
        borderColor: colours[i % colours.length],
        backgroundColor: colours[i % colours.length],
        pointRadius: points.length > 60 ? 0 : 3,
        borderWidth: 1.5,
      })),
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      parsing: false,
      scales: { x: { type: 'linear', title: { display: true, text: axis } } },
    },
  };
}
