/** A batch's summary: a row for each lesion as CSV, and a page with pictures. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatCsv } from '../../formats/csv.ts';
import { statisticsColumns } from '../../lesions/lesion-measures.ts';
import { pictureFile, readCaseRecord, type CaseRecord } from '../runs/batch-run.ts';
import type { CohortCase } from '../data/cohort.ts';
import { writeWhole } from '../files/disk.ts';
import { footOf, type RunRecord } from '../runs/run-record.ts';
import { formatPage, type Section } from './report-page.ts';

const columns = ['case', 'status', ...statisticsColumns, 'touchesBorder', 'reason'] as const;

/** The page's, in the same order. */
const heads = [
  'case',
  'status',
  'lesion',
  'voxels',
  'ml',
  'axial diameter (mm)',
  'diameter (mm)',
  'mean intensity',
  'touches the border',
  'reason',
];

type Row = Readonly<Record<(typeof columns)[number], string | number | null>>;

function rowsOf(name: string, record: CaseRecord | undefined): Row[] {
  const empty = {
    case: name,
    lesion: null,
    voxels: null,
    millilitres: null,
    axialDiameterMm: null,
    diameterMm: null,
    meanIntensity: null,
    touchesBorder: null,
    reason: null,
  };
  if (!record) {
    return [{ ...empty, status: 'not tried' }];
  }
  return record.failure !== undefined
    ? [{ ...empty, status: 'failed', reason: record.failure }]
    : record.lesions.map((lesion) => ({
        case: name,
        status: 'done',
        ...lesion,
        touchesBorder: lesion.touchesBorder ? 'yes' : 'no',
        reason: null,
      }));
}

/** Writes summary.csv and report.html of all cases, those of other shards included. @throws InputError where the folder cannot be written to */
export async function writeBatchReport(folder: string, cases: readonly CohortCase[], record: RunRecord): Promise<void> {
  const records = await Promise.all(cases.map(({ name }) => readCaseRecord(folder, name)));
  const rows = cases.flatMap(({ name }, i) => rowsOf(name, records[i]));
  const done = cases.filter((_, i) => records[i] && records[i].failure === undefined);
  const pictures = await Promise.all(
    done.map(async ({ name }) => ({ caption: name, png: await readFile(pictureFile(folder, name)) })),
  );
  const shown = (value: string | number | null) =>
    value === null ? '' : typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(2) : String(value);
  const sections: Section[] = [
    {
      kind: 'text',
      title: 'The run',
      lines: [
        `${cases.length} cases: ${done.length} done, ${records.filter((record) => record?.failure !== undefined).length} failed, ${records.filter((record) => !record).length} not tried.`,
      ],
    },
    {
      kind: 'table',
      title: 'Lesions',
      head: heads,
      rows: rows.map((row) => columns.map((column) => shown(row[column]))),
    },
    { kind: 'pictures', title: 'Masks, in the planes through the first click', pictures },
  ];
  await writeWhole(join(folder, 'summary.csv'), new TextEncoder().encode(formatCsv(columns, rows)));
  await writeWhole(
    join(folder, 'report.html'),
    new TextEncoder().encode(await formatPage('volsam batch', sections, footOf(record))),
  );
}
